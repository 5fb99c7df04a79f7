// One matrix product through CBLAS.
#pragma once

#include <cblas.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/view.h"

namespace papilio::cpu {

// A matrix as BLAS sees it: `ld` elements from row to row or, transposed, from column to column.
template <class T>
struct Matrix {
  T* data;
  int64_t ld;
  bool transposed = false;

  T* at(int64_t row, int64_t col) const {
    return data + (transposed ? col * ld + row : row * ld + col);
  }
  Matrix from(int64_t row, int64_t col) const { return {at(row, col), ld, transposed}; }
  Matrix t() const { return {data, ld, !transposed}; }
  operator Matrix<const T>() const requires(!std::is_const_v<T>) { return {data, ld, transposed}; }
};

// Whether OpenBLAS divides a product among OpenMP's threads, as its OpenMP build does. The pthread
// build has threads of its own, which would fight with them for the cores: it is held to one, in
// the whole process, and products are cut in gemm.cpp.
bool blas_divides();

// C = alpha A B + beta C of one row C: GEMM would copy all of B to read it once.
template <class T>
void row_product(int64_t n, int64_t k, T alpha, Matrix<const T> a, Matrix<const T> b, T beta,
                 Matrix<T> c) {
  if (beta == 0) {
    std::fill_n(c.data, n, T(0));
    beta = 1;
  }
  const auto i = [](int64_t size) { return blasint(size); };
  const CBLAS_TRANSPOSE trans = b.transposed ? CblasNoTrans : CblasTrans;
  const int64_t rows = b.transposed ? n : k, columns = b.transposed ? k : n,
                step = a.transposed ? a.ld : 1;
  if constexpr (std::is_same_v<T, float>) {
    cblas_sgemv(CblasRowMajor, trans, i(rows), i(columns), alpha, b.data, i(b.ld), a.data, i(step),
                beta, c.data, 1);
  } else {
    cblas_dgemv(CblasRowMajor, trans, i(rows), i(columns), alpha, b.data, i(b.ld), a.data, i(step),
                beta, c.data, 1);
  }
}

// C = alpha A B + beta C, C row-major (m, n). Inside a parallel region one thread does it all,
// outside one OpenBLAS divides the work, if it does.
template <class T>
void product(int64_t m, int64_t n, int64_t k, T alpha, Matrix<const T> a, Matrix<const T> b, T beta,
             Matrix<T> c) {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) *c.at(i, j) = beta == 0 ? 0 : beta * *c.at(i, j);
    return;
  }
  if (m == 1) return row_product(n, k, alpha, a, b, beta, c);
  const auto trans = [](Matrix<const T> x) { return x.transposed ? CblasTrans : CblasNoTrans; };
  const auto i = [](int64_t size) { return blasint(size); };
  if constexpr (std::is_same_v<T, float>) {
    cblas_sgemm(CblasRowMajor, trans(a), trans(b), i(m), i(n), i(k), alpha, a.data, i(a.ld), b.data,
                i(b.ld), beta, c.data, i(c.ld));
  } else {
    cblas_dgemm(CblasRowMajor, trans(a), trans(b), i(m), i(n), i(k), alpha, a.data, i(a.ld), b.data,
                i(b.ld), beta, c.data, i(c.ld));
  }
}

}  // namespace papilio::cpu
