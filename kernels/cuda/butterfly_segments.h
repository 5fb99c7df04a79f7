// The rotation of narrow segments in registers: a thread has a segment of a row, and the blocks of
// all factors that meet it, and walks over rows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/cuda/butterfly.h"
#include "kernels/cuda/pack.h"
#include "kernels/cuda/parts.h"
#include "kernels/detail/butterfly_blocks.h"

namespace papilio::cuda {

// A segment's elements that one instruction moves.
template <int W, class T>
constexpr int kSegmentPack = W < kPack<T> ? W : kPack<T>;

template <int W, class T, class C>
__device__ void read_segment(C (&v)[W], const T* from) {
  constexpr int N = kSegmentPack<W, T>;
#pragma unroll
  for (int k = 0; k < W; k += N) {
    const auto pack = load_pack<N>(from + k);
#pragma unroll
    for (int e = 0; e < N; ++e) v[k + e] = C(pack.at[e]);
  }
}

template <int W, class T, class C>
__device__ void write_segment(T* to, const C (&v)[W]) {
  constexpr int N = kSegmentPack<W, T>;
#pragma unroll
  for (int k = 0; k < W; k += N) {
    Pack<T, N> pack;
#pragma unroll
    for (int e = 0; e < N; ++e) pack.at[e] = T(v[k + e]);
    store_pack(to + k, pack);
  }
}

// `teams` threads take a segment's rows in turns, two at once, so that loads are under way while
// the arithmetic waits.
template <int B, int M, bool transposed, class T>
__global__ void rotate_segments(T* y, const T* x, const T* q, ButterflySizes s, int64_t teams) {
  using C = compute_t<T>;
  constexpr int W = B << (M - 1);
  const int64_t segments = s.d / W, t = first_element(), segment = t % segments;
  if (t >= segments * teams) return;
  SegmentRotation<B, M, transposed, C> rotation;
  rotation.load(q, segment, s.blocks);
  for (int64_t r = t / segments; r < s.rows; r += 2 * teams) {
    const int64_t here = r * s.d + segment * W, next = here + teams * s.d;
    const bool two = r + teams < s.rows;
    C v[W], u[W];
    read_segment(v, x + here);
    read_segment(u, x + (two ? next : here));
    rotation.apply(v);
    write_segment(y + here, v);
    if (!two) continue;
    rotation.apply(u);
    write_segment(y + next, u);
  }
}

// The backward pass reads dy and x once: dx = dy R^T, and the sum over rows of x^T dy for each
// segment. A warp has 32 neighbouring segments and every eighth row of a part of all rows; its
// block adds the eight warps' sums in their order. partial: (parts, W, d).
template <int B, int M, class T>
__global__ void __launch_bounds__(kBlock)
    rotate_segments_backward(T* dx, compute_t<T>* partial, const T* dy, const T* x, const T* q,
                             ButterflySizes s, int64_t parts) {
  using C = compute_t<T>;
  constexpr int W = B << (M - 1), kTeams = kBlock / kWarp, kColumns = kWarp * W;
  SHARED(C, sums, kBlock * W);
  const int lane = int(threadIdx.x) % kWarp, team = int(threadIdx.x) / kWarp;
  const int64_t segments = s.d / W, groups = (segments + kWarp - 1) / kWarp;
  for (int64_t task = blockIdx.x; task < groups * parts; task += gridDim.x) {
    const int64_t group = task % groups, part = task / groups, segment = group * kWarp + lane;
    const bool there = segment < segments;
    const int64_t end = there ? s.rows * (part + 1) / parts : 0;
    SegmentRotation<B, M, true, C> rotation;
    rotation.load(q, there ? segment : 0, s.blocks);
    C sum[W][W] = {};
    for (int64_t r = s.rows * part / parts + team; r < end; r += kTeams) {
      const int64_t at = r * s.d + segment * W;
      C v[W], g[W];
      read_segment(v, x + at);
      read_segment(g, dy + at);
#pragma unroll
      for (int k = 0; k < W; ++k)
#pragma unroll
        for (int j = 0; j < W; ++j) sum[k][j] += v[k] * g[j];
      if (dx == nullptr) continue;
      rotation.apply(g);
      write_segment(dx + at, g);
    }
#pragma unroll
    for (int k = 0; k < W; ++k) {
#pragma unroll
      for (int j = 0; j < W; ++j) sums[team * kColumns + lane * W + j] = sum[k][j];
      __syncthreads();
      for (int e = int(threadIdx.x); e < kColumns && group * kColumns + e < s.d; e += kBlock) {
        C total = sums[e];
        for (int other = 1; other < kTeams; ++other) total += sums[other * kColumns + e];
        partial[(part * W + k) * s.d + group * kColumns + e] = total;
      }
      __syncthreads();
    }
  }
}

// Calls f with b and m as compile-time numbers if T's segments are rotated in registers: their
// blocks fit there. Whether they are.
template <class T, class F>
bool dispatch_registers(const ButterflySizes& s, F f) {
  using std::integral_constant;
  if constexpr (sizeof(compute_t<T>) == sizeof(float)) {
    if (s.b == 4 && s.m == 1) return f(integral_constant<int, 4>(), integral_constant<int, 1>());
    if (s.b == 4 && s.m == 2) return f(integral_constant<int, 4>(), integral_constant<int, 2>());
    if (s.b == 8 && s.m == 1) return f(integral_constant<int, 8>(), integral_constant<int, 1>());
  }
  return false;
}

template <class T>
bool rotate_in_registers(T* y, const T* x, const T* q, const ButterflySizes& s, bool transposed) {
  if (!on_16_bytes(y, x)) return false;
  // Eight rows a thread or more, so that few read the blocks, as long as 512 threads a
  // multiprocessor keep it busy.
  const int64_t segments = s.d / s.w, most = int64_t(multiprocessors()) * 1024 / segments;
  const int64_t wanted = std::min(most, std::max(most / 2, s.rows / 8));
  const int64_t teams = std::clamp<int64_t>(wanted, 1, s.rows), threads = segments * teams;
  return dispatch_registers<T>(
      s, [&]<int B, int M>(std::integral_constant<int, B>, std::integral_constant<int, M>) {
        launch(transposed ? rotate_segments<B, M, true, T> : rotate_segments<B, M, false, T>,
               unsigned((threads + kBlock - 1) / kBlock), kBlock, 0, stream(), y, x, q, s, teams);
        return true;
      });
}

// dr: the segments' gradients, (W, d). dx may be null.
template <class T>
bool backward_in_registers(T* dx, compute_t<T>* dr, const T* dy, const T* x, const T* q,
                           const ButterflySizes& s) {
  if (!on_16_bytes(dx, dy, x)) return false;
  const int64_t parts = part_count(s.rows, 64), groups = (s.d / s.w + kWarp - 1) / kWarp;
  return dispatch_registers<T>(
      s, [&]<int B, int M>(std::integral_constant<int, B>, std::integral_constant<int, M>) {
        const Scratch<compute_t<T>> partial(parts * s.w * s.d);
        launch(rotate_segments_backward<B, M, T>, blocks_for(groups * parts, 1), kBlock, 0,
               stream(), dx, partial.data(), dy, x, q, s, parts);
        add_parts(dr, partial.data(), s.w * s.d, parts);
        return true;
      });
}

}  // namespace papilio::cuda
