// Products of matrices that are in cache, one thread: below a few hundred a side this beats a BLAS
// call, which packs first.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/simd.h"

namespace papilio::cpu {

// A (rows, inner) operand read one element at a time: element (i, k) is data[i * row + k * column];
// (1, stride) is a transpose.
template <class C>
struct Elements {
  const C* data;
  int64_t row, column;
};

namespace detail {

// c (R, N vectors) = or += a (R, inner) b (inner, N vectors), the accumulators in registers.
template <class C, int R, int N>
inline void gemm_block(C* c, int64_t ldc, Elements<C> a, const C* b, int64_t ldb, int64_t inner,
                       bool add) {
  constexpr int L = kSimdLanes<C>;
  Simd<C> sum[R][N];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < N; ++v) sum[r][v] = add ? load(c + r * ldc + v * L) : Simd<C>{};
  for (int64_t k = 0; k < inner; ++k) {
    Simd<C> bk[N];
#pragma GCC unroll 4
    for (int v = 0; v < N; ++v) bk[v] = load(b + k * ldb + v * L);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const C ark = a.data[r * a.row + k * a.column];
#pragma GCC unroll 4
      for (int v = 0; v < N; ++v) sum[r][v] += ark * bk[v];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < N; ++v) store(c + r * ldc + v * L, sum[r][v]);
}

template <class C, int N, int R>
inline void gemm_rows(int rows, C* c, int64_t ldc, Elements<C> a, const C* b, int64_t ldb,
                      int64_t inner, bool add) {
  if (rows == R) return gemm_block<C, R, N>(c, ldc, a, b, ldb, inner, add);
  if constexpr (R > 1) gemm_rows<C, N, R - 1>(rows, c, ldc, a, b, ldb, inner, add);
}

// N vectors of columns, all rows, in blocks of nearly equal height.
template <class C, int N>
inline void gemm_columns(int64_t rows, C* c, int64_t ldc, Elements<C> a, const C* b, int64_t ldb,
                         int64_t inner, bool add) {
  constexpr int kMaxRows = kSimdRegisters == 32 ? (N < 4 ? 8 : 6) : (N < 2 ? 8 : 6);
  const int64_t blocks = (rows + kMaxRows - 1) / kMaxRows;
  for (int64_t i = 0; i < blocks; ++i) {
    const int64_t r = rows * i / blocks, end = rows * (i + 1) / blocks;
    gemm_rows<C, N, kMaxRows>(int(end - r), c + r * ldc, ldc, {a.data + r * a.row, a.row, a.column},
                              b, ldb, inner, add);
  }
}

}  // namespace detail

// c (rows, columns) = or (add) += a (rows, inner) b (inner, columns), c and b row-major with
// leading dimensions ldc and ldb. `columns` is rounded up to whole vectors: what b's padding holds
// lands in c's padding.
template <class C>
void small_gemm(int64_t rows, int64_t columns, int64_t inner, C* c, int64_t ldc, Elements<C> a,
                const C* b, int64_t ldb, bool add) {
  constexpr int L = kSimdLanes<C>, kMaxVectors = kSimdRegisters == 32 ? 4 : 2;
  for (int64_t j = 0; j < columns; j += kMaxVectors * L) {
    const int64_t vectors = std::min<int64_t>(kMaxVectors, (columns - j + L - 1) / L);
    if (vectors == 1) detail::gemm_columns<C, 1>(rows, c + j, ldc, a, b + j, ldb, inner, add);
    if (vectors == 2) detail::gemm_columns<C, 2>(rows, c + j, ldc, a, b + j, ldb, inner, add);
    if constexpr (kMaxVectors == 4) {
      if (vectors == 3) detail::gemm_columns<C, 3>(rows, c + j, ldc, a, b + j, ldb, inner, add);
      if (vectors == 4) detail::gemm_columns<C, 4>(rows, c + j, ldc, a, b + j, ldb, inner, add);
    }
  }
}

}  // namespace papilio::cpu
