// A thread a row, as one would write it on the CPU. Neighbouring threads read addresses a whole row
// apart: of every 32 bytes that memory sends, a load uses 4.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/cuda/launch.h"
#include "samples/kernels/study.h"

namespace papilio::cuda::study {

namespace {

__global__ void layer_norm_v1_kernel(float* y, const float* x, const float* weight,
                                     const float* bias, int64_t rows, int64_t n) {
  for (int64_t r = first_element(); r < rows; r += grid_stride()) {
    const float* xr = x + r * n;
    float sum = 0, squares = 0;
    for (int64_t i = 0; i < n; ++i) sum += xr[i];
    const float mean = sum / float(n);
    for (int64_t i = 0; i < n; ++i) squares += (xr[i] - mean) * (xr[i] - mean);
    const float rstd = 1 / std::sqrt(squares / float(n) + kEps);
    for (int64_t i = 0; i < n; ++i) y[r * n + i] = (xr[i] - mean) * rstd * weight[i] + bias[i];
  }
}

const Version layer_norm_v1{"v1", "a thread a row", [](const Arguments& a) {
                              launch(layer_norm_v1_kernel, blocks_for(a.sizes.rows), kBlock, 0,
                                     stream(), a.out, a.in[0], a.in[1], a.in[2], a.sizes.rows,
                                     a.sizes.d);
                            }};

}  // namespace
}  // namespace papilio::cuda::study
