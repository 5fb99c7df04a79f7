// Larger matrices: lane j has column j in registers, and the pivot's column comes by shuffles. No
// thread could hold b = 32; here a lane holds b elements, none waits at a barrier, and loads and
// stores of a row touch neighbouring addresses.
#pragma once

#include <cstdint>

#include "kernels/cuda/launch.h"
#include "samples/kernels/study.h"

namespace papilio::cuda::study {
namespace {

// B lanes a matrix: a warp has 32 / B of them.
template <int B>
__global__ void cayley_v5_kernel(float* q, const float* r, int64_t matrices) {
  const int j = int(threadIdx.x) % B;
  const int64_t all = (matrices * B + kWarp - 1) / kWarp * kWarp;  // a warp stays together
  for (int64_t t = first_element(); t < all; t += grid_stride()) {
    const int64_t m = t / B;
    const bool there = m < matrices;
    const float* from = r + (there ? m : 0) * B * B;
    float column[B];
#pragma unroll
    for (int i = 0; i < B; ++i)
      column[i] = (from[i * B + j] - from[j * B + i]) * 0.5f + (i == j ? 1.f : 0.f);
#pragma unroll
    for (int p = 0; p < B; ++p) {
      const float inverse = 1 / __shfl_sync(kAllLanes, column[p], p, B);
      const float pivot = (j == p ? 1.f : column[p]) * inverse;
#pragma unroll
      for (int i = 0; i < B; ++i) {
        const float factor = __shfl_sync(kAllLanes, column[i], p, B);
        column[i] = i == p ? pivot : (j == p ? 0.f : column[i]) - factor * pivot;
      }
    }
#pragma unroll
    for (int i = 0; i < B; ++i)
      if (there) q[m * B * B + i * B + j] = 2 * column[i] - (i == j ? 1.f : 0.f);
  }
}

const Version cayley_v5{"v5", "a column a lane, pivots by shuffles",
                        [](const Arguments& a) {
                          const Sizes& s = a.sizes;
                          launch(s.b == 8    ? cayley_v5_kernel<8>
                                 : s.b == 16 ? cayley_v5_kernel<16>
                                             : cayley_v5_kernel<32>,
                                 blocks_for(s.matrices() * s.b), kBlock, 0, stream(), a.out,
                                 a.in[0], s.matrices());
                        },
                        [](const Sizes& s) { return s.b == 8 || s.b == 16 || s.b == 32; }};

}  // namespace
}  // namespace papilio::cuda::study
