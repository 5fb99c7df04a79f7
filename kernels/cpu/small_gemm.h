// Products of matrices that are in cache, one thread: below a few hundred a side this beats a BLAS
// call, which packs first.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/simd.h"

namespace papilio::cpu {

// The sizes of a product c = or += a b: c (rows, columns), a (rows, inner), b (inner, columns).
struct GemmSizes {
  int64_t rows, columns, inner;
};

// Row-major, `stride` elements from row to row.
template <class T>
struct Rows {
  const T* data;
  int64_t stride;
  Rows from(int64_t row) const { return {data + row * stride, stride}; }
  const T* operator[](int64_t row) const { return data + row * stride; }
};
// The same to write into.
template <class T>
struct RowsOut {
  T* data;
  int64_t stride;
};

// A (rows, inner) operand read one element at a time: element (i, k) is data[i * row + k * column];
// (1, stride) is a transpose.
template <class C>
struct Elements {
  const C* data;
  int64_t row, column;
};

namespace detail {

// Single values, which registers carry: structs would go through memory.

// c (R, N vectors) = or += a (R, inner) b (inner, N vectors), the accumulators in registers.
template <class C>
struct SingleValues {
  using Value = C;  // of a and b
  using Sum = C;
  template <int R, int N>
  static inline void multiply(C* c, int64_t ldc, Elements<C> a, const C* b, int64_t ldb,
                              int64_t inner, bool add) {
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
};

template <class Block, int N, int R>
inline void gemm_rows(int rows, typename Block::Sum* c, int64_t ldc,
                      Elements<typename Block::Value> a, const typename Block::Value* b,
                      int64_t ldb, int64_t inner, bool add) {
  if (rows == R) return Block::template multiply<R, N>(c, ldc, a, b, ldb, inner, add);
  if constexpr (R > 1) gemm_rows<Block, N, R - 1>(rows, c, ldc, a, b, ldb, inner, add);
}

// N vectors of columns, all rows, in blocks of nearly equal height.
template <class Block, int N>
inline void gemm_columns(int64_t rows, typename Block::Sum* c, int64_t ldc,
                         Elements<typename Block::Value> a, const typename Block::Value* b,
                         int64_t ldb, int64_t inner, bool add) {
  constexpr int kMaxRows = kSimdRegisters == 32 ? (N < 4 ? 8 : 6) : (N < 2 ? 8 : 6);
  const int64_t blocks = (rows + kMaxRows - 1) / kMaxRows;
  for (int64_t i = 0; i < blocks; ++i) {
    const int64_t r = rows * i / blocks, end = rows * (i + 1) / blocks;
    gemm_rows<Block, N, kMaxRows>(int(end - r), c + r * ldc, ldc,
                                  {a.data + r * a.row, a.row, a.column}, b, ldb, inner, add);
  }
}

template <class Block>
inline void gemm_strips(int64_t rows, int64_t columns, int64_t inner, typename Block::Sum* c,
                        int64_t ldc, Elements<typename Block::Value> a,
                        const typename Block::Value* b, int64_t ldb, bool add) {
  constexpr int L = kSimdLanes<typename Block::Sum>, kMaxVectors = kSimdRegisters == 32 ? 4 : 2;
  for (int64_t j = 0; j < columns; j += kMaxVectors * L) {
    const int64_t vectors = std::min<int64_t>(kMaxVectors, (columns - j + L - 1) / L);
    if (vectors == 1) gemm_columns<Block, 1>(rows, c + j, ldc, a, b + j, ldb, inner, add);
    if (vectors == 2) gemm_columns<Block, 2>(rows, c + j, ldc, a, b + j, ldb, inner, add);
    if constexpr (kMaxVectors == 4) {
      if (vectors == 3) gemm_columns<Block, 3>(rows, c + j, ldc, a, b + j, ldb, inner, add);
      if (vectors == 4) gemm_columns<Block, 4>(rows, c + j, ldc, a, b + j, ldb, inner, add);
    }
  }
}

}  // namespace detail

// c = or (add) += a b. The columns are rounded up to whole vectors: what b's padding holds lands in
// c's padding.
template <class C>
[[gnu::always_inline]] inline void small_gemm(const GemmSizes& n, const RowsOut<C>& c,
                                              const Elements<C>& a, const Rows<C>& b,
                                              bool add = false) {
  detail::gemm_strips<detail::SingleValues<C>>(n.rows, n.columns, n.inner, c.data, c.stride, a,
                                               b.data, b.stride, add);
}

}  // namespace papilio::cpu
