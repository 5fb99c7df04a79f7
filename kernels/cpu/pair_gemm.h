// Products of bfloat16 matrices that are in cache, summed in float32 by AVX512_BF16's instruction
// for pairs: two values that are neighbours along the inner dimension, the first in the low half.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/cpu/simd.h"
#include "kernels/cpu/small_gemm.h"
#include "kernels/cpu/transpose.h"
#include "kernels/dtype.h"
#include "kernels/products.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace papilio::cpu {

constexpr int64_t pairs_of(int64_t n) {
  return (n + 1) / 2;
}
inline uint32_t pair(BFloat16 low, BFloat16 high) {
  return uint32_t(low.bits) | uint32_t(high.bits) << 16;
}

#if defined(__AVX512F__)

// Whether bfloat16 is multiplied by them: this processor has them, and --products did not say
// openblas.
inline bool multiplies_pairs() {
  static const bool has = __builtin_cpu_supports("avx512bf16");
  return has && products() != Products::openblas;
}

namespace detail {

struct Pairs {
  using Value = uint32_t;
  using Sum = float;
  template <int R, int N>
  [[gnu::target("avx512f,avx512bw,avx512vl,avx512bf16"), gnu::noinline]] static void multiply(
      float* c, int64_t ldc, Elements<uint32_t> a, const uint32_t* b, int64_t ldb, int64_t inner,
      bool add) {
    __m512 sum[R][N];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < N; ++v)
        sum[r][v] = add ? _mm512_loadu_ps(c + r * ldc + v * 16) : _mm512_setzero_ps();
    for (int64_t k = 0; k < inner; ++k) {
      __m512i bk[N];
#pragma GCC unroll 4
      for (int v = 0; v < N; ++v) bk[v] = _mm512_loadu_si512(b + k * ldb + v * 16);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const __m512i ark = _mm512_set1_epi32(int(a.data[r * a.row + k * a.column]));
#pragma GCC unroll 4
        for (int v = 0; v < N; ++v)
          sum[r][v] = _mm512_dpbf16_ps(sum[r][v], (__m512bh)ark, (__m512bh)bk[v]);
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < N; ++v) _mm512_storeu_ps(c + r * ldc + v * 16, sum[r][v]);
  }
};

}  // namespace detail

// small_gemm of pairs: n.inner counts them.
inline void pair_gemm(const GemmSizes& n, const RowsOut<float>& c, const Elements<uint32_t>& a,
                      const Rows<uint32_t>& b, bool add = false) {
  detail::gemm_strips<detail::Pairs>(n.rows, n.columns, n.inner, c.data, c.stride, a, b.data,
                                     b.stride, add);
}

#else

constexpr bool multiplies_pairs() {
  return false;
}
inline void pair_gemm(const GemmSizes&, const RowsOut<float>&, const Elements<uint32_t>&,
                      const Rows<uint32_t>&, bool = false) {}

#endif

// Pairs along a row: to[i * pairs_of(columns) + j] = (from(i, 2 j), from(i, 2 j + 1)).
inline void pack_pairs(uint32_t* to, Rows<BFloat16> from, int64_t rows, int64_t columns) {
  const int64_t pairs = pairs_of(columns);
  if (pairs == 0) return;
  for (int64_t i = 0; i < rows; ++i, to += pairs) {
    to[pairs - 1] = 0;
    std::memcpy(to, from[i], size_t(columns) * sizeof(BFloat16));
  }
}

// Pairs of rows: to[i * round_up_to_lanes(columns) + j] = (from(2 i, j), from(2 i + 1, j)).
inline void pack_row_pairs(uint32_t* to, Rows<BFloat16> from, int64_t rows, int64_t columns) {
  const int64_t padded = round_up_to_lanes<float>(columns);
  for (int64_t i = 0; i < rows; i += 2, to += padded) {
    const BFloat16* const low = from[i];
    if (i + 1 < rows) {
      const BFloat16* const high = from[i + 1];
      for (int64_t j = 0; j < columns; ++j) to[j] = pair(low[j], high[j]);
    } else {
      for (int64_t j = 0; j < columns; ++j) to[j] = low[j].bits;
    }
    std::fill(to + columns, to + padded, 0);
  }
}

// Pairs along a row, transposed: to[j * round_up_to_lanes(rows) + i] = (from(i, 2 j), from(i, 2 j +
// 1)).
inline void pack_transposed_pairs(uint32_t* to, Rows<BFloat16> from, int64_t rows,
                                  int64_t columns) {
  constexpr int L = kSimdLanes<float>;
  const int64_t padded = round_up_to_lanes<float>(rows);
  for (int64_t i = 0; i < rows; i += L)
    for (int64_t j = 0; j < columns; j += 2 * L) {
      const int64_t n = std::min<int64_t>(2 * L, columns - j);
      Simd<float> square[L];  // moved only
      for (int r = 0; r < L; ++r) {
        square[r] = Simd<float>{};
        if (i + r < rows) std::memcpy(&square[r], from[i + r] + j, size_t(n) * sizeof(BFloat16));
      }
      transpose_square<L>(square);
      for (int64_t c = 0; c < pairs_of(n); ++c)
        std::memcpy(to + (j / 2 + c) * padded + i, &square[c], sizeof square[c]);
    }
}

// The same of sums that are rounded: pairs along a row, of an even number of columns, and of rows.
inline void round_to_pairs(uint32_t* to, Rows<float> from, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; ++i, to += columns / 2) {
    const float* const row = from[i];
    for (int64_t j = 0; j < columns / 2; ++j)
      to[j] = pair(BFloat16(row[2 * j]), BFloat16(row[2 * j + 1]));
  }
}
inline void round_to_row_pairs(uint32_t* to, Rows<float> from, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; i += 2, to += columns) {
    const float *const low = from[i], *const high = i + 1 < rows ? from[i + 1] : nullptr;
    if (high) {
      for (int64_t j = 0; j < columns; ++j) to[j] = pair(BFloat16(low[j]), BFloat16(high[j]));
    } else {
      for (int64_t j = 0; j < columns; ++j) to[j] = BFloat16(low[j]).bits;
    }
  }
}

}  // namespace papilio::cpu
