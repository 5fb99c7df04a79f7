#include "kernels/cuda/butterfly_mma.h"

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/cuda/butterfly.h"
#include "kernels/cuda/mma_tile.h"
#include "kernels/cuda/parts.h"
#include "kernels/detail/butterfly_blocks.h"
#include "kernels/gemm.h"

namespace papilio::cuda {
namespace {

// Rotating blocks that a multiprocessor has registers for, without spilling.
template <class T>
constexpr int kResident = std::is_same_v<T, float> ? 3 : 4;

// The segments of a span side by side: tile[k, s w + j] = (k, j) of segment s, or (j, k).
// q: (d, w), the segments one below the other.
template <class T>
__device__ void load_segments(T* tile, const PaddedRows<const T>& q, int64_t c0, bool transposed) {
  constexpr int N = kPack<T>;
  const int w = int(q.d);
  for (int e = int(threadIdx.x) * N; e < w * kSpan; e += kThreads * N) {
    const int row = e / w, j = e % w, i = row % w, s = row - i;
    const Pack<T, N> values = q.at(c0 + row, j);
#pragma unroll
    for (int k = 0; k < N; ++k)
      tile[transposed ? (j + k) * kRow<T> + s + i : i * kRow<T> + s + j + k] =
          Factor<T>::of(values.at[k]);
  }
}

// q: (d, w). `teams` blocks share the rows of a span; their warps take 16 rows in turns, and read
// the next 16 while these are multiplied. y may be x.
template <class T>
__global__ void __launch_bounds__(kThreads, kResident<T>)
    rotate_rows(PaddedRows<T> y, PaddedRows<const T> x, PaddedRows<const T> q, int64_t teams,
                bool transposed) {
  if constexpr (Factor<T>::known) {
    constexpr int kTile = aligned(kSide * sizeof(float) * kSums);  // x's rows, then y's
    static_assert(kRow<T> * sizeof(T) <= kSums * sizeof(float));
    SHARED(Aligned, segments, aligned(kSpan * kRow<T> * sizeof(T)));
    SHARED(Aligned, tiles, kWarps * kTile);
    const int64_t spans = (x.d + kSpan - 1) / kSpan, c0 = blockIdx.x % spans * kSpan;
    const int64_t step = teams * kWarps * kSide;
    const int warp = int(threadIdx.x) / kWarp, lane = int(threadIdx.x) % kWarp, w = int(q.d);
    T* const r = reinterpret_cast<T*>(segments);
    T* const tile = reinterpret_cast<T*>(tiles + warp * kTile);
    auto* const results = reinterpret_cast<float*>(tiles + warp * kTile);
    int64_t r0 = (blockIdx.x / spans * kWarps + warp) * kSide;
    Share<T> share;
    share.read(x, r0, c0, lane, kWarp);
    load_segments(r, q, c0, transposed);
    __syncthreads();
    for (; r0 < x.rows; r0 += step) {
      share.put_factors(tile, lane, kWarp);
      __syncwarp();
      share.read(x, r0 + step, c0, lane, kWarp);
      Sums<T> sums;
      sums.clear();
#pragma unroll 1
      for (int c = 0; c < kSpan; c += Factor<T>::K) {
        Fragment<T, wmma::matrix_a, wmma::row_major> a;
        load(a, tile + c);
        sums.add(a, r + c % w * kRow<T>, c, w);
      }
      __syncwarp();
      sums.store(results);
      __syncwarp();
      Share<T>::each(lane, kWarp, [&](int, int row, int c) {
        Pack<T, kPack<T>> values;
#pragma unroll
        for (int k = 0; k < kPack<T>; ++k) values.at[k] = T(results[row * kSums + c + k]);
        y.put(r0 + row, c0 + c, values);
      });
      __syncwarp();
    }
  }
}

// A block sums x^T g over one part of the rows; a warp has 16 columns of x, and all those of g that
// are in segments with them. partial: (parts, w, d).
template <class T>
__global__ void __launch_bounds__(kThreads)
    sum_outer(float* partial, PaddedRows<const T> x, PaddedRows<const T> g, int w, int64_t parts) {
  if constexpr (Factor<T>::known) {
    constexpr int kTile = aligned(kSpan * kRow<T> * sizeof(T));  // x's and g's rows, then the sums
    static_assert(2 * kTile >= aligned(kSpan * kSums * sizeof(float)));
    SHARED(Aligned, tiles, 2 * kTile);
    T *const xs = reinterpret_cast<T*>(tiles), *const gs = reinterpret_cast<T*>(tiles + kTile);
    auto* const products = reinterpret_cast<float*>(tiles);
    const int64_t rows = x.rows, spans = (x.d + kSpan - 1) / kSpan;
    const int me = int(threadIdx.x), c = me / kWarp * kSide;  // the warp's columns
    for (int64_t task = blockIdx.x; task < spans * parts; task += gridDim.x) {
      const int64_t c0 = task % spans * kSpan, part = task / spans;
      int64_t r0 = rows * part / parts;
      x.rows = g.rows = rows * (part + 1) / parts;
      Sums<T> sums;
      sums.clear();
      Share<T> of_x, of_g;
      of_x.read(x, r0, c0, me, kThreads);
      of_g.read(g, r0, c0, me, kThreads);
      for (; r0 < x.rows; r0 += kSpan) {
        of_x.put_factors(xs, me, kThreads);
        of_g.put_factors(gs, me, kThreads);
        __syncthreads();
        of_x.read(x, r0 + kSpan, c0, me, kThreads);
        of_g.read(g, r0 + kSpan, c0, me, kThreads);
#pragma unroll 1
        for (int k = 0; k < kSpan; k += Factor<T>::K) {
          Fragment<T, wmma::matrix_a, wmma::col_major> a;
          load(a, xs + k * kRow<T> + c);
          sums.add(a, gs + k * kRow<T>, c, w > kSide ? w : kSide);
        }
        __syncthreads();
      }
      sums.store(products + c * kSums);
      __syncthreads();
      for (int e = me; e < w * kSpan; e += kThreads) {
        const int k = e / kSpan, j = e % kSpan;
        if (c0 + j < x.d)
          partial[(part * w + k) * x.d + c0 + j] = products[(j / w * w + k) * kSums + j];
      }
      __syncthreads();
    }
  }
}

constexpr int kCollapsed = 512;  // elements of a segment that a block computes at once

// The matrices of R's segments as the blocks of one factor, to: (d / w, w, w). They are the
// identity's rows rotated; a block takes some of one segment's.
template <class T>
__global__ void collapse(T* to, const T* q, ButterflySizes s) {
  SHARED(float, first, kCollapsed);
  SHARED(float, second, kCollapsed);
  const int w = int(s.w), b = int(s.b), rows = w * w < kCollapsed ? w : kCollapsed / w;
  const int64_t groups = w / rows, tasks = s.d / w * groups;
  for (int64_t task = blockIdx.x; task < tasks; task += gridDim.x) {
    const int64_t segment = task / groups;
    const int k0 = int(task % groups) * rows;
    float *tile = first, *next = second;
    for (int e = int(threadIdx.x); e < rows * w; e += int(blockDim.x))
      tile[e] = e % w == k0 + e / w ? 1.f : 0.f;
    __syncthreads();
    for (int64_t i = s.m - 1; i >= 0; --i) {
      const T* const blocks = q + i * s.factor_size() + segment * w * b;
      for (int e = int(threadIdx.x); e < rows * w; e += int(blockDim.x)) {
        const Place<int> at(e % w, int(i), b);
        next[e] = rotated<float>(tile + e / w * w, blocks + at.n * b * b,
                                 Halves<int>(at.n, int(i), b), at.j, b, false);
      }
      __syncthreads();
      float* const kept = tile;
      tile = next;
      next = kept;
    }
    for (int e = int(threadIdx.x); e < rows * w; e += int(blockDim.x))
      to[(segment * w + k0) * w + e] = T(tile[e]);
  }
}

// Calls f with T if tensor cores may multiply it.
template <class F>
bool dispatch_mma(DType dtype, F f) {
  if (dtype == DType::bfloat16) return f.template operator()<BFloat16>();
  if (dtype == DType::float16) return f.template operator()<Float16>();
  if (dtype == DType::float32 && tf32_allowed()) return f.template operator()<float>();
  return false;
}

// Whether what this device runs of the kernel is more than an empty body: not the device decides,
// but the architecture that its code was compiled for.
template <class T, class Kernel>
bool compiled(Kernel* kernel) {
  cudaFuncAttributes attributes = {};
  check(cudaFuncGetAttributes(&attributes, kernel), "cudaFuncGetAttributes");
  return attributes.ptxVersion >= Factor<T>::since;
}

}  // namespace

bool rotate_on_tensor_cores(View y, ConstView x, ConstView q, bool transposed) {
  const ButterflySizes s(x.size(0), q);
  if (s.w != 16 && s.w != 32 && s.w != 64) return false;
  return dispatch_mma(x.dtype, [&]<class T>() {
    if (!compiled<T>(rotate_rows<T>)) return false;
    const Scratch<T> collapsed(s.m > 1 ? s.w * s.d : 0);
    if (s.m > 1)
      launch(collapse<T>, blocks_for(s.w * s.d, kCollapsed), kBlock, 0, stream(), collapsed.data(),
             q.as<T>(), s);
    const T* const matrices = s.m > 1 ? collapsed.data() : q.as<T>();
    // As many blocks as fit; half as many if each warp takes 64 rows or more then.
    const int64_t spans = (s.d + kSpan - 1) / kSpan, rows = kWarps * kSide;
    const int64_t most = int64_t(multiprocessors()) * kResident<T> / spans;
    const int64_t wanted = std::min(most, std::max(most / 2, s.rows / (4 * rows)));
    const int64_t teams = std::clamp<int64_t>(wanted, 1, (s.rows + rows - 1) / rows);
    const bool packed = on_16_bytes(y.data, x.data);
    launch(rotate_rows<T>, unsigned(spans * teams), kThreads, 0, stream(),
           PaddedRows<T>{y.as<T>(), s.rows, s.d, packed},
           PaddedRows<const T>{x.as<T>(), s.rows, s.d, packed},
           PaddedRows<const T>{matrices, s.d, s.w, on_16_bytes(matrices)}, teams, transposed);
    return true;
  });
}

bool outer_on_tensor_cores(View out, ConstView x, ConstView g) {
  const int64_t rows = x.size(0), d = x.size(1), w = out.size(0);
  if (w < 4 || w > kSpan || kSpan % w != 0 || d % kSide != 0) return false;
  return dispatch_mma(x.dtype, [&]<class T>() {
    if (!compiled<T>(sum_outer<T>)) return false;
    const int64_t parts = part_count(rows, 128), tasks = (d + kSpan - 1) / kSpan * parts;
    const bool packed = on_16_bytes(x.data, g.data);
    const Scratch<float> partial(parts * w * d);
    launch(sum_outer<T>, blocks_for(tasks, 1), kThreads, 0, stream(), partial.data(),
           PaddedRows<const T>{x.as<T>(), rows, d, packed},
           PaddedRows<const T>{g.as<T>(), rows, d, packed}, int(w), parts);
    add_parts(out.as<float>(), partial.data(), w * d, parts);
    return true;
  });
}

}  // namespace papilio::cuda
