// How a kernel is declared: once, for both backends.
#pragma once

// Inside namespace papilio,
//   PAPILIO_KERNEL(void softmax(View y, ConstView x));
// declares cpu::softmax and cuda::softmax. kernels/cpu/ and kernels/cuda/ define them; a build
// without nvcc has kernels/cuda/absent.cpp.in in the latter's place.
#ifndef PAPILIO_KERNEL
#define PAPILIO_KERNEL(...) \
  namespace cpu {           \
  __VA_ARGS__;              \
  }                         \
  namespace cuda {          \
  __VA_ARGS__;              \
  }
#endif
