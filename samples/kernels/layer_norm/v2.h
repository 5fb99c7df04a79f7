// A block a row: neighbouring threads read neighbouring elements, so that every byte sent is used.
// Their sums meet in shared memory, halving by halving, with a barrier each time.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/cuda/launch.h"
#include "samples/kernels/study.h"

namespace papilio::cuda::study {
namespace {

// The sum over the block, in every thread.
__device__ inline float sum_by_halves(float value) {
  SHARED(float, sums, kBlock);
  __syncthreads();  // whoever still reads the last sum
  sums[threadIdx.x] = value;
  for (unsigned half = kBlock / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
  }
  __syncthreads();
  return sums[0];
}

__global__ void layer_norm_v2_kernel(float* y, const float* x, const float* weight,
                                     const float* bias, int64_t rows, int64_t n) {
  for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    const float* xr = x + r * n;
    float sum = 0, squares = 0;
    for (int64_t i = threadIdx.x; i < n; i += kBlock) sum += xr[i];
    const float mean = sum_by_halves(sum) / float(n);
    for (int64_t i = threadIdx.x; i < n; i += kBlock) squares += (xr[i] - mean) * (xr[i] - mean);
    const float rstd = 1 / std::sqrt(sum_by_halves(squares) / float(n) + kEps);
    for (int64_t i = threadIdx.x; i < n; i += kBlock)
      y[r * n + i] = (xr[i] - mean) * rstd * weight[i] + bias[i];
  }
}

const Version layer_norm_v2{
    "v2", "a block a row: neighbours read neighbours", [](const Arguments& a) {
      launch(layer_norm_v2_kernel, blocks_for(a.sizes.rows, 1), kBlock, 0, stream(), a.out, a.in[0],
             a.in[1], a.in[2], a.sizes.rows, a.sizes.d);
    }};

}  // namespace
}  // namespace papilio::cuda::study
