// Tiles of 64 columns for tensor cores. What is multiplied goes through shared memory, where rows
// and columns that are not there are zeros, so that x may begin anywhere and have any number of
// rows.
#pragma once

#include <mma.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/cuda/pack.h"

namespace papilio::cuda {

namespace wmma = nvcuda::wmma;

constexpr int kSpan = 64, kSide = 16;  // columns of a block; rows and columns of a product
constexpr int kWarps = kSpan / kSide;  // each has 16 rows of x, or 16 columns
constexpr int kThreads = kWarps * kWarp;
constexpr int kSums = kSpan + 4;  // floats from one row of sums to the next

// Elements from one row of a tile to the next: 16 bytes more, so that rows begin in other banks.
template <class T>
constexpr int kRow = kSpan + kPack<T>;

// load_matrix_sync and store_matrix_sync want addresses that are multiples of 32 bytes.
struct alignas(32) Aligned {
  unsigned char bytes[32];
};
constexpr int aligned(size_t bytes) {
  return int((bytes + sizeof(Aligned) - 1) / sizeof(Aligned));
}

// T as a factor of products with K terms. Unknown if the GPU compiled for has no such product;
// `since`: the first that has.
template <class T>
struct Factor {
  static constexpr bool known = false;
  static constexpr int since = 80;
};
template <class T, class As>
struct HalfFactor {
  static constexpr bool known = true;
  static constexpr int K = 16;
  using Memory = As;
  using Kind = As;
  static __device__ T of(T v) { return v; }
};
template <>
struct Factor<Float16> : HalfFactor<Float16, __half> {
  static constexpr int since = 70;
};
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
template <>
struct Factor<BFloat16> : HalfFactor<BFloat16, __nv_bfloat16> {
  static constexpr int since = 80;
};
template <>
struct Factor<float> {
  static constexpr bool known = true;
  static constexpr int since = 80, K = 8;
  using Memory = float;
  using Kind = wmma::precision::tf32;
  static __device__ float of(float v) { return wmma::__float_to_tf32(v); }
};
#endif

template <class T, class Use, class Layout = void>
using Fragment = wmma::fragment<
    Use, kSide, kSide, Factor<T>::K,
    std::conditional_t<std::is_same_v<Use, wmma::accumulator>, float, typename Factor<T>::Kind>,
    Layout>;

template <class T, class Fragment>
__device__ void load(Fragment& fragment, const T* tile) {
  wmma::load_matrix_sync(fragment, reinterpret_cast<const typename Factor<T>::Memory*>(tile),
                         kRow<T>);
}

// nvcc 13 takes a load of bfloat16 for one from anywhere, which ptxas makes four of. Told that it
// is from shared memory, it has the one instruction that float16's load is. TF32's loads and stores
// are left as nvcc makes them.
#if !defined(PAPILIO_EMULATED) && (!defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800)
#define PAPILIO_LOAD(use, layout)                                                   \
  asm volatile("wmma.load." use ".sync.aligned." layout                             \
               ".m16n16k16.shared.bf16 {%0, %1, %2, %3}, [%4], %5;"                 \
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])                 \
               : "r"(unsigned(__cvta_generic_to_shared(tile))), "r"(kRow<BFloat16>) \
               : "memory")
template <class Use, class Layout>
__device__ void load(wmma::fragment<Use, kSide, kSide, 16, __nv_bfloat16, Layout>& fragment,
                     const BFloat16* tile) {
  constexpr bool b = std::is_same_v<Use, wmma::matrix_b>;
  constexpr bool by_rows = std::is_same_v<Layout, wmma::row_major>;
  static_assert(sizeof fragment == 4 * sizeof(unsigned) && (by_rows || !b));
  auto* const to = reinterpret_cast<unsigned*>(&fragment);
  if constexpr (b)
    PAPILIO_LOAD("b", "row");
  else if constexpr (by_rows)
    PAPILIO_LOAD("a", "row");
  else
    PAPILIO_LOAD("a", "col");
}
#undef PAPILIO_LOAD
#endif

// A warp's 16 rows of results for a span's columns.
template <class T>
struct Sums {
  Fragment<T, wmma::accumulator> at[kSpan / kSide];

  __device__ void clear() {
#pragma unroll
    for (int n = 0; n < kSpan / kSide; ++n) wmma::fill_fragment(at[n], 0.f);
  }
  // += a b for the columns of the segment of w that column c is in. b: K rows of a tile.
  template <class A>
  __device__ void add(const A& a, const T* b, int c, int w) {
#pragma unroll
    for (int n = 0; n < kSpan / kSide; ++n) {
      if (n * kSide / w != c / w) continue;
      Fragment<T, wmma::matrix_b, wmma::row_major> bn;
      load(bn, b + n * kSide);
      wmma::mma_sync(at[n], a, bn, at[n]);
    }
  }
  // to: 16 rows of kSums.
  __device__ void store(float* to) const {
#pragma unroll
    for (int n = 0; n < kSpan / kSide; ++n)
      wmma::store_matrix_sync(to + n * kSide, at[n], kSums, wmma::mem_row_major);
  }
};

// x: (rows, d). A pack of it from row r and column c on: zeros if there is nothing.
template <class T>
struct PaddedRows {
  static constexpr int N = kPack<T>;
  T* x;
  int64_t rows, d;
  bool packed;  // x begins on 16 bytes, and d is a multiple of N

  __device__ bool has(int64_t r, int64_t c) const { return r < rows && c < d; }
  __device__ Pack<std::remove_const_t<T>, N> at(int64_t r, int64_t c) const {
    Pack<std::remove_const_t<T>, N> values = {};
    if (!has(r, c)) return values;
    if (packed) return load_pack<N>(x + r * d + c);
#pragma unroll
    for (int e = 0; e < N; ++e) values.at[e] = x[r * d + c + e];
    return values;
  }
  __device__ void put(int64_t r, int64_t c, const Pack<T, N>& values) const {
    if (!has(r, c)) return;
    if (packed) return store_pack(x + r * d + c, values);
#pragma unroll
    for (int e = 0; e < N; ++e) x[r * d + c + e] = values.at[e];
  }
};

// What a thread holds of 16 rows a warp and a span's columns.
template <class T>
struct Share {
  static constexpr int N = kPack<T>, kInRow = kSpan / N, kPacks = kSide * kInRow / kWarp;
  Pack<T, N> packs[kPacks];

  // Calls f(i, row, column) for its packs: those of thread `me` of `threads`.
  template <class F>
  static __device__ void each(int me, int threads, F f) {
#pragma unroll
    for (int i = 0; i < kPacks; ++i) {
      const int e = i * threads + me;
      f(i, e / kInRow, e % kInRow * N);
    }
  }
  __device__ void read(const PaddedRows<const T>& x, int64_t r0, int64_t c0, int me, int threads) {
    each(me, threads, [&](int i, int r, int c) { packs[i] = x.at(r0 + r, c0 + c); });
  }
  __device__ void put_factors(T* tile, int me, int threads) {
    each(me, threads, [&](int i, int r, int c) {
#pragma unroll
      for (int k = 0; k < N; ++k) packs[i].at[k] = Factor<T>::of(packs[i].at[k]);
      store_pack(tile + r * kRow<T> + c, packs[i]);
    });
  }
};

}  // namespace papilio::cuda
