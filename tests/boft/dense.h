// The method in plain float64 loops over dense matrices: the tests' independent reference.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tensor/tensor.h"

namespace papilio::test {

// Row-major (rows, columns).
struct Matrix {
  int64_t rows = 0, columns = 0;
  std::vector<double> values;

  Matrix(int64_t rows, int64_t columns)
      : rows(rows), columns(columns), values(size_t(rows * columns)) {}
  double& operator()(int64_t i, int64_t j) { return values[size_t(i * columns + j)]; }
  double operator()(int64_t i, int64_t j) const { return values[size_t(i * columns + j)]; }
};

Matrix identity(int64_t n);
Matrix matrix_of(const Tensor& x);  // (..., columns) as rows
Matrix operator*(const Matrix& a, const Matrix& b);
Matrix operator+(const Matrix& a, const Matrix& b);
Matrix operator-(const Matrix& a, const Matrix& b);
Matrix transposed(const Matrix& a);
Matrix inverse(const Matrix& a);  // Gauss-Jordan with pivoting
double determinant(Matrix a);
double largest(const Matrix& a);  // absolute value
// max |Q Q^T - I|
double orthogonality_error(const Matrix& q);

// Block n of factor i of q: (m, N, b, b).
Matrix block(const Tensor& q, int64_t i, int64_t n);
// (I - S)(I + S)^-1, S = (R - R^T) / 2
Matrix dense_cayley(const Matrix& r);
// B_i = P_i diag(Q_{i,0}, ..., Q_{i,N-1}) P_i^T with the permutation matrix P_i written out: P_i^T
// lists, block after block, the halves whose number lacks bit i, each followed by its partner 2^i
// further on.
Matrix dense_factor(const Tensor& q, int64_t i);
// B_{m-1} ... B_0
Matrix dense_rotation(const Tensor& q);

}  // namespace papilio::test
