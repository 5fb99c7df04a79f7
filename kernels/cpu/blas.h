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

// C = alpha A B + beta C, C row-major (m, n). Inside a parallel region one thread does it all,
// outside one OpenBLAS divides the work.
template <class T>
void product(int64_t m, int64_t n, int64_t k, T alpha, Matrix<const T> a, Matrix<const T> b, T beta,
             Matrix<T> c) {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) *c.at(i, j) = beta == 0 ? 0 : beta * *c.at(i, j);
    return;
  }
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
