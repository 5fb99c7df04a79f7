// A warp a matrix, in shared memory: device memory sees each element once in and once out, in
// order. But a small matrix keeps few of the 32 lanes busy, and every pivot ends in a wait.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/launch.h"
#include "samples/kernels/study.h"

namespace papilio::cuda::study {
namespace {

__global__ void cayley_v2_kernel(float* q, const float* r, int64_t matrices, int b) {
  DYNAMIC_SHARED(float, a);
  float *row = a + b * b, *column = row + b;
  const int lane = int(threadIdx.x);
  for (int64_t m = blockIdx.x; m < matrices; m += gridDim.x) {
    const float* from = r + m * b * b;
    for (int e = lane; e < b * b; e += kWarp) {
      const int i = e / b, j = e % b;
      a[e] = (from[e] - from[j * b + i]) * 0.5f + (i == j ? 1.f : 0.f);
    }
    __syncwarp();
    for (int p = 0; p < b; ++p) {
      const float inverse = 1 / a[p * b + p];
      for (int i = lane; i < b; i += kWarp) {
        row[i] = (i == p ? 1.f : a[p * b + i]) * inverse;
        column[i] = a[i * b + p];
      }
      __syncwarp();
      for (int e = lane; e < b * b; e += kWarp) {
        const int i = e / b, j = e % b;
        a[e] = i == p ? row[j] : (j == p ? 0.f : a[e]) - column[i] * row[j];
      }
      __syncwarp();
    }
    for (int e = lane; e < b * b; e += kWarp)
      q[m * b * b + e] = 2 * a[e] - (e / b == e % b ? 1.f : 0.f);
    __syncwarp();
  }
}

const Version cayley_v2{"v2", "a warp a matrix, in shared memory",
                        [](const Arguments& a) {
                          const Sizes& s = a.sizes;
                          const size_t bytes = size_t(s.b * s.b + 2 * s.b) * sizeof(float);
                          launch(cayley_v2_kernel, blocks_for(s.matrices(), 1), kWarp, bytes,
                                 stream(), a.out, a.in[0], s.matrices(), int(s.b));
                        },
                        [](const Sizes& s) { return s.b <= 64; }};

}  // namespace
}  // namespace papilio::cuda::study
