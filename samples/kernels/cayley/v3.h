// b known when it is compiled: with every loop unrolled each element has a register of its own, and
// a thread inverts its matrix without waiting for anyone. The arithmetic of v1 at the speed of
// registers; device memory sees each element once in and once out.
#pragma once

#include <cstdint>

#include "kernels/cuda/launch.h"
#include "samples/kernels/study.h"

namespace papilio::cuda::study {
namespace {

// a = 2 (I + S)^-1 - I for r in a.
template <int B>
__device__ void cayley_in_registers(float (&a)[B][B]) {
#pragma unroll
  for (int i = 0; i < B; ++i) {
    a[i][i] = 1;
#pragma unroll
    for (int j = 0; j < i; ++j) {
      a[i][j] = (a[i][j] - a[j][i]) * 0.5f;
      a[j][i] = -a[i][j];
    }
  }
#pragma unroll
  for (int p = 0; p < B; ++p) {
    const float inverse = 1 / a[p][p];
    a[p][p] = 1;
#pragma unroll
    for (int j = 0; j < B; ++j) a[p][j] *= inverse;
#pragma unroll
    for (int i = 0; i < B; ++i) {
      if (i == p) continue;
      const float factor = a[i][p];
      a[i][p] = 0;
#pragma unroll
      for (int j = 0; j < B; ++j) a[i][j] -= factor * a[p][j];
    }
  }
#pragma unroll
  for (int e = 0; e < B * B; ++e) a[e / B][e % B] = 2 * a[e / B][e % B] - (e / B == e % B ? 1 : 0);
}

template <int B>
__global__ void cayley_v3_kernel(float* q, const float* r, int64_t matrices) {
  for (int64_t m = first_element(); m < matrices; m += grid_stride()) {
    float a[B][B];
#pragma unroll
    for (int e = 0; e < B * B; ++e) a[e / B][e % B] = r[m * B * B + e];
    cayley_in_registers(a);
#pragma unroll
    for (int e = 0; e < B * B; ++e) q[m * B * B + e] = a[e / B][e % B];
  }
}

inline bool small_matrices(const Sizes& s) {
  return s.b == 2 || s.b == 4 || s.b == 8;
}

const Version cayley_v3{"v3", "b known when compiled: a matrix in a thread's registers",
                        [](const Arguments& a) {
                          const Sizes& s = a.sizes;
                          launch(s.b == 2   ? cayley_v3_kernel<2>
                                 : s.b == 4 ? cayley_v3_kernel<4>
                                            : cayley_v3_kernel<8>,
                                 blocks_for(s.matrices()), kBlock, 0, stream(), a.out, a.in[0],
                                 s.matrices());
                        },
                        small_matrices};

}  // namespace
}  // namespace papilio::cuda::study
