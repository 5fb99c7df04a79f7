// 16 bytes a load: the lanes of a warp begin b^2 elements apart, so each single load of v3 touches
// 32 places of memory for 4 bytes each. Four times fewer such loads.
#pragma once

#include <cstdint>

#include "kernels/cuda/pack.h"
#include "samples/kernels/cayley/v3.h"
#include "samples/kernels/study.h"

namespace papilio::cuda::study {
namespace {

template <int B>
__device__ void read_matrix(float (&a)[B][B], const float* from) {
#pragma unroll
  for (int e = 0; e < B * B; e += 4) {
    const auto p = load_pack<4>(from + e);
#pragma unroll
    for (int k = 0; k < 4; ++k) a[(e + k) / B][(e + k) % B] = p.at[k];
  }
}

template <int B>
__device__ void write_matrix(float* to, const float (&a)[B][B]) {
#pragma unroll
  for (int e = 0; e < B * B; e += 4) {
    Pack<float, 4> p;
#pragma unroll
    for (int k = 0; k < 4; ++k) p.at[k] = a[(e + k) / B][(e + k) % B];
    store_pack(to + e, p);
  }
}

template <int B>
__global__ void cayley_v4_kernel(float* q, const float* r, int64_t matrices) {
  for (int64_t m = first_element(); m < matrices; m += grid_stride()) {
    float a[B][B];
    read_matrix(a, r + m * B * B);
    cayley_in_registers(a);
    write_matrix(q + m * B * B, a);
  }
}

const Version cayley_v4{"v4", "16 bytes a load and a store",
                        [](const Arguments& a) {
                          const Sizes& s = a.sizes;
                          launch(s.b == 2   ? cayley_v4_kernel<2>
                                 : s.b == 4 ? cayley_v4_kernel<4>
                                            : cayley_v4_kernel<8>,
                                 blocks_for(s.matrices()), kBlock, 0, stream(), a.out, a.in[0],
                                 s.matrices());
                        },
                        small_matrices};

}  // namespace
}  // namespace papilio::cuda::study
