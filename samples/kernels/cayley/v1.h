// A thread a matrix, b known when it runs only: the elimination works in device memory, because
// registers have no index. About 2 b reads and writes of each element where one of each would do.
#pragma once

#include <cstdint>

#include "kernels/cuda/launch.h"
#include "samples/kernels/study.h"

namespace papilio::cuda::study {
namespace {

// Gauss-Jordan inversion in place; I + S needs no exchanged rows while |S| <= 1.
__device__ inline void cayley_v1_invert(float* a, int b) {
  for (int p = 0; p < b; ++p) {
    const float inverse = 1 / a[p * b + p];
    a[p * b + p] = 1;
    for (int j = 0; j < b; ++j) a[p * b + j] *= inverse;
    for (int i = 0; i < b; ++i) {
      if (i == p) continue;
      const float factor = a[i * b + p];
      a[i * b + p] = 0;
      for (int j = 0; j < b; ++j) a[i * b + j] -= factor * a[p * b + j];
    }
  }
}

__global__ void cayley_v1_kernel(float* q, const float* r, int64_t matrices, int b) {
  for (int64_t m = first_element(); m < matrices; m += grid_stride()) {
    const float* from = r + m * b * b;
    float* a = q + m * b * b;
    for (int i = 0; i < b; ++i)
      for (int j = 0; j < b; ++j)
        a[i * b + j] = (from[i * b + j] - from[j * b + i]) * 0.5f + (i == j ? 1.f : 0.f);
    cayley_v1_invert(a, b);
    for (int i = 0; i < b; ++i)
      for (int j = 0; j < b; ++j) a[i * b + j] = 2 * a[i * b + j] - (i == j ? 1.f : 0.f);
  }
}

const Version cayley_v1{"v1", "a thread a matrix, in device memory", [](const Arguments& a) {
                          const Sizes& s = a.sizes;
                          launch(cayley_v1_kernel, blocks_for(s.matrices()), kBlock, 0, stream(),
                                 a.out, a.in[0], s.matrices(), int(s.b));
                        }};

}  // namespace
}  // namespace papilio::cuda::study
