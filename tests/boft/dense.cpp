#include "tests/boft/dense.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace papilio::test {

Matrix identity(int64_t n) {
  Matrix a(n, n);
  for (int64_t i = 0; i < n; ++i) a(i, i) = 1;
  return a;
}

Matrix matrix_of(const Tensor& x) {
  const int64_t columns = x.shape().back();
  Matrix a(columns ? x.numel() / columns : 0, columns);
  a.values = x.to_vector<double>();
  return a;
}

Matrix operator*(const Matrix& a, const Matrix& b) {
  Matrix c(a.rows, b.columns);
  for (int64_t i = 0; i < a.rows; ++i)
    for (int64_t k = 0; k < a.columns; ++k)
      for (int64_t j = 0; j < b.columns; ++j) c(i, j) += a(i, k) * b(k, j);
  return c;
}

Matrix operator+(const Matrix& a, const Matrix& b) {
  Matrix c = a;
  for (size_t i = 0; i < c.values.size(); ++i) c.values[i] += b.values[i];
  return c;
}

Matrix operator-(const Matrix& a, const Matrix& b) {
  Matrix c = a;
  for (size_t i = 0; i < c.values.size(); ++i) c.values[i] -= b.values[i];
  return c;
}

Matrix transposed(const Matrix& a) {
  Matrix c(a.columns, a.rows);
  for (int64_t i = 0; i < a.rows; ++i)
    for (int64_t j = 0; j < a.columns; ++j) c(j, i) = a(i, j);
  return c;
}

namespace {

// Brings a to the identity by row operations, which `also` undergoes too; returns the determinant.
double eliminate(Matrix& a, Matrix& also) {
  double product = 1;
  for (int64_t p = 0; p < a.rows; ++p) {
    int64_t best = p;
    for (int64_t i = p + 1; i < a.rows; ++i)
      if (std::abs(a(i, p)) > std::abs(a(best, p))) best = i;
    for (int64_t j = 0; best != p && j < a.columns; ++j) {
      std::swap(a(p, j), a(best, j));
      std::swap(also(p, j), also(best, j));
    }
    product *= best == p ? a(p, p) : -a(p, p);
    const double pivot = a(p, p);
    for (int64_t j = 0; j < a.columns; ++j) a(p, j) /= pivot, also(p, j) /= pivot;
    for (int64_t i = 0; i < a.rows; ++i) {
      if (i == p) continue;
      const double factor = a(i, p);
      for (int64_t j = 0; j < a.columns; ++j)
        a(i, j) -= factor * a(p, j), also(i, j) -= factor * also(p, j);
    }
  }
  return product;
}

}  // namespace

Matrix inverse(const Matrix& a) {
  Matrix left = a, right = identity(a.rows);
  eliminate(left, right);
  return right;
}

double determinant(Matrix a) {
  Matrix other = identity(a.rows);
  return eliminate(a, other);
}

double largest(const Matrix& a) {
  double most = 0;
  for (const double v : a.values) most = std::isnan(v) ? HUGE_VAL : std::max(most, std::abs(v));
  return most;
}

double orthogonality_error(const Matrix& q) {
  return largest(q * transposed(q) - identity(q.rows));
}

Matrix block(const Tensor& q, int64_t i, int64_t n) {
  const int64_t b = q.shape().back();
  const auto values = q.to_vector<double>();
  Matrix a(b, b);
  std::copy_n(values.begin() + (i * q.shape()[1] + n) * b * b, b * b, a.values.begin());
  return a;
}

Matrix dense_cayley(const Matrix& r) {
  Matrix s = r - transposed(r);
  for (double& v : s.values) v /= 2;
  const Matrix one = identity(r.rows);
  return (one - s) * inverse(one + s);
}

Matrix dense_factor(const Tensor& q, int64_t i) {
  const int64_t blocks = q.shape()[1], b = q.shape()[3], d = blocks * b;
  Matrix diagonal(d, d);
  for (int64_t n = 0; n < blocks; ++n) {
    const Matrix one = block(q, i, n);
    for (int64_t k = 0; k < b; ++k)
      for (int64_t j = 0; j < b; ++j) diagonal(n * b + k, n * b + j) = one(k, j);
  }
  if (i == 0) return diagonal;
  const int64_t h = b / 2;
  std::vector<int64_t> order;  // coordinate order[c] comes to place c
  for (int64_t half = 0; half < 2 * blocks; ++half) {
    if (half >> i & 1) continue;
    for (int64_t k = 0; k < h; ++k) order.push_back(half * h + k);
    for (int64_t k = 0; k < h; ++k) order.push_back((half + (int64_t(1) << i)) * h + k);
  }
  Matrix p(d, d);
  for (int64_t c = 0; c < d; ++c) p(order[size_t(c)], c) = 1;
  return p * diagonal * transposed(p);
}

Matrix dense_rotation(const Tensor& q) {
  Matrix r = dense_factor(q, 0);
  for (int64_t i = 1; i < q.shape()[0]; ++i) r = dense_factor(q, i) * r;
  return r;
}

}  // namespace papilio::test
