// The row stays in registers: x is read once, not three times. The caches served the second and the
// third reading, but a load that is not there is not waited for, and all of a row's loads are under
// way together.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/cuda/row.h"
#include "samples/kernels/study.h"

namespace papilio::cuda::study {
namespace {

constexpr int kKept = 8;  // elements of a row in each thread

__global__ void layer_norm_v4_kernel(float* y, const float* x, const float* weight,
                                     const float* bias, int64_t rows, int n) {
  for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    const float* xr = x + r * n;
    float kept[kKept], sum = 0, squares = 0;
#pragma unroll
    for (int k = 0; k < kKept; ++k) {
      const int i = k * kBlock + int(threadIdx.x);
      kept[k] = i < n ? xr[i] : 0;
      sum += kept[k];
    }
    const float mean = join_block(sum, Plus()) / float(n);
#pragma unroll
    for (int k = 0; k < kKept; ++k) {
      kept[k] -= mean;
      if (k * kBlock + int(threadIdx.x) < n) squares += kept[k] * kept[k];
    }
    const float rstd = 1 / std::sqrt(join_block(squares, Plus()) / float(n) + kEps);
#pragma unroll
    for (int k = 0; k < kKept; ++k) {
      const int i = k * kBlock + int(threadIdx.x);
      if (i < n) y[r * n + i] = kept[k] * rstd * weight[i] + bias[i];
    }
  }
}

const Version layer_norm_v4{"v4", "the row stays in registers: x is read once",
                            [](const Arguments& a) {
                              launch(layer_norm_v4_kernel, blocks_for(a.sizes.rows, 1), kBlock, 0,
                                     stream(), a.out, a.in[0], a.in[1], a.in[2], a.sizes.rows,
                                     int(a.sizes.d));
                            },
                            [](const Sizes& s) { return s.d <= kKept * kBlock; }};

}  // namespace
}  // namespace papilio::cuda::study
