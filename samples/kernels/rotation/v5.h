// 16 bytes a load and a store, and two rows at once: a quarter of the instructions for the same
// bytes, and twice as many loads under way while the arithmetic waits for the first.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/cuda/butterfly.h"
#include "kernels/cuda/pack.h"
#include "samples/kernels/rotation/v4.h"
#include "samples/kernels/study.h"

namespace papilio::cuda::study {
namespace {

template <int W>
__device__ void load_segment(float (&v)[W], const float* from) {
#pragma unroll
  for (int k = 0; k < W; k += 4) {
    const auto p = load_pack<4>(from + k);
#pragma unroll
    for (int e = 0; e < 4; ++e) v[k + e] = p.at[e];
  }
}

template <int W>
__device__ void store_segment(float* to, const float (&v)[W]) {
#pragma unroll
  for (int k = 0; k < W; k += 4)
    store_pack(to + k, Pack<float, 4>{{v[k], v[k + 1], v[k + 2], v[k + 3]}});
}

template <int B, int M>
__global__ void rotation_v5_kernel(float* y, const float* x, const float* q, int64_t rows,
                                   int64_t d, int64_t teams) {
  constexpr int W = B << (M - 1);
  const int64_t segments = d / W, t = first_element(), s = t % segments;
  if (t >= segments * teams) return;
  SegmentRotation<B, M, false, float> rotation;
  rotation.load(q, s, d / B);
  for (int64_t r = t / segments; r < rows; r += 2 * teams) {
    const int64_t here = r * d + s * W, next = (r + teams) * d + s * W;
    const bool two = r + teams < rows;
    float v[W], u[W];
    load_segment(v, x + here);
    load_segment(u, x + (two ? next : here));
    rotation.apply(v);
    store_segment(y + here, v);
    if (!two) continue;
    rotation.apply(u);
    store_segment(y + next, u);
  }
}

const Version rotation_v5{"v5", "16 bytes a load, two rows at once",
                          [](const Arguments& a) {
                            dispatch_registers(a.sizes,
                                               [&]<int B, int M>(std::integral_constant<int, B>,
                                                                 std::integral_constant<int, M>) {
                                                 launch_segments(rotation_v5_kernel<B, M>, a);
                                               });
                          },
                          fits_registers};

}  // namespace
}  // namespace papilio::cuda::study
