// A whole segment in a thread's registers, with the blocks of all its factors: no shared memory, no
// barrier, and Q is read once for many rows. Only for narrow segments: their b w m numbers of Q
// have to fit.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/cuda/butterfly.h"
#include "kernels/cuda/launch.h"
#include "samples/kernels/study.h"

namespace papilio::cuda::study {
namespace {

// Threads that take a segment's rows in turns, so that the whole device is busy.
inline int64_t teams_of(const Sizes& s) {
  const int64_t segments = s.d / s.segment(), threads = int64_t(multiprocessors()) * 1024;
  const int64_t teams = threads / segments > 0 ? threads / segments : 1;
  return teams < s.rows ? teams : s.rows;
}

template <int B, int M>
__global__ void rotation_v4_kernel(float* y, const float* x, const float* q, int64_t rows,
                                   int64_t d, int64_t teams) {
  constexpr int W = B << (M - 1);
  const int64_t segments = d / W, t = first_element(), s = t % segments;
  if (t >= segments * teams) return;
  SegmentRotation<B, M, false, float> rotation;
  rotation.load(q, s, d / B);
  for (int64_t r = t / segments; r < rows; r += teams) {
    float v[W];
#pragma unroll
    for (int k = 0; k < W; ++k) v[k] = x[r * d + s * W + k];
    rotation.apply(v);
#pragma unroll
    for (int k = 0; k < W; ++k) y[r * d + s * W + k] = v[k];
  }
}

template <class Kernel>
void launch_segments(Kernel kernel, const Arguments& a) {
  const Sizes& s = a.sizes;
  const int64_t teams = teams_of(s), threads = s.d / s.segment() * teams;
  launch(kernel, unsigned((threads + kBlock - 1) / kBlock), kBlock, 0, stream(), a.out, a.in[0],
         a.in[1], s.rows, s.d, teams);
}

inline bool fits_registers(const Sizes& s) {
  return (s.b == 4 && s.m <= 2) || (s.b == 8 && s.m == 1);
}

// Calls f with b and m as compile-time numbers.
template <class F>
void dispatch_registers(const Sizes& s, F f) {
  using std::integral_constant;
  if (s.b == 8)
    f(integral_constant<int, 8>(), integral_constant<int, 1>());
  else if (s.m == 2)
    f(integral_constant<int, 4>(), integral_constant<int, 2>());
  else
    f(integral_constant<int, 4>(), integral_constant<int, 1>());
}

const Version rotation_v4{"v4", "a segment in a thread's registers, no shared memory",
                          [](const Arguments& a) {
                            dispatch_registers(a.sizes,
                                               [&]<int B, int M>(std::integral_constant<int, B>,
                                                                 std::integral_constant<int, M>) {
                                                 launch_segments(rotation_v4_kernel<B, M>, a);
                                               });
                          },
                          fits_registers};

}  // namespace
}  // namespace papilio::cuda::study
