// The sums by shuffles: 32 lanes add from register to register, and shared memory sees one number a
// warp. The same bytes, but 2 barriers a sum instead of 10 at which eight warps wait for the
// slowest.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/cuda/row.h"
#include "samples/kernels/study.h"

namespace papilio::cuda::study {
namespace {

__global__ void layer_norm_v3_kernel(float* y, const float* x, const float* weight,
                                     const float* bias, int64_t rows, int64_t n) {
  for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    const float* xr = x + r * n;
    float sum = 0, squares = 0;
    for (int64_t i = threadIdx.x; i < n; i += kBlock) sum += xr[i];
    const float mean = join_block(sum, Plus()) / float(n);
    for (int64_t i = threadIdx.x; i < n; i += kBlock) squares += (xr[i] - mean) * (xr[i] - mean);
    const float rstd = 1 / std::sqrt(join_block(squares, Plus()) / float(n) + kEps);
    for (int64_t i = threadIdx.x; i < n; i += kBlock)
      y[r * n + i] = (xr[i] - mean) * rstd * weight[i] + bias[i];
  }
}

const Version layer_norm_v3{"v3", "sums by shuffles: few barriers", [](const Arguments& a) {
                              launch(layer_norm_v3_kernel, blocks_for(a.sizes.rows, 1), kBlock, 0,
                                     stream(), a.out, a.in[0], a.in[1], a.in[2], a.sizes.rows,
                                     a.sizes.d);
                            }};

}  // namespace
}  // namespace papilio::cuda::study
