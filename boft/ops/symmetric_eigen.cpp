#include "boft/ops/symmetric_eigen.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>

#include "tensor/copy.h"
#include "tensor/creation.h"

namespace papilio {

namespace {

// Columns p and q of m (n, n), combined as the rotation (c, s) says.
void turn_columns(double* m, int64_t n, int64_t p, int64_t q, double c, double s) {
  for (int64_t k = 0; k < n; ++k) {
    double &kp = m[k * n + p], &kq = m[k * n + q];
    const double old = kp;
    kp = c * old - s * kq;
    kq = s * old + c * kq;
  }
}

void turn_rows(double* m, int64_t n, int64_t p, int64_t q, double c, double s) {
  for (int64_t k = 0; k < n; ++k) {
    double &pk = m[p * n + k], &qk = m[q * n + k];
    const double old = pk;
    pk = c * old - s * qk;
    qk = s * old + c * qk;
  }
}

// Makes m (n, n) diagonal; the columns of v, if there is one, turn with it.
void diagonalise(double* m, double* v, int64_t n) {
  double scale = 0;
  for (int64_t i = 0; i < n * n; ++i) scale = std::max(scale, std::abs(m[i]));
  for (int sweep = 0; sweep < 60; ++sweep) {
    double off = 0;
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < i; ++j) off = std::max(off, std::abs(m[i * n + j]));
    }
    if (!(off > 1e-15 * scale)) break;
    for (int64_t p = 0; p < n; ++p) {
      for (int64_t q = p + 1; q < n; ++q) {
        if (m[p * n + q] == 0) continue;
        // The rotation of the (p, q) plane that makes m_pq zero.
        const double theta = (m[q * n + q] - m[p * n + p]) / (2 * m[p * n + q]);
        const double t = std::copysign(1.0, theta) / (std::abs(theta) + std::hypot(theta, 1.0));
        const double c = 1 / std::hypot(t, 1.0), s = t * c;
        turn_columns(m, n, p, q, c, s);
        turn_rows(m, n, p, q, c, s);
        if (v != nullptr) turn_columns(v, n, p, q, c, s);
      }
    }
  }
}

}  // namespace

SymmetricEigen symmetric_eigen(const Tensor& a, bool vectors) {
  check(a.defined() && a.dim() == 2 && a.size(0) == a.size(1),
        "symmetric_eigen: expected (n, n), got ", a.defined() ? str(a.shape()) : "nothing");
  const Tensor x = copy_of(cpu_data(a), DType::float64);
  const int64_t n = x.size(0);
  const Tensor v = vectors ? eye(n, {.dtype = DType::float64}) : Tensor();
  diagonalise(x.data<double>(), vectors ? v.data<double>() : nullptr, n);
  const auto value = [&](int64_t i) { return x.data<double>()[i * n + i]; };
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, {}, value);
  SymmetricEigen result;
  for (const int64_t i : order) result.values.push_back(value(i));
  if (!vectors) return result;
  result.vectors = empty({n, n}, {.dtype = DType::float64});
  for (int64_t i = 0; i < n * n; ++i)
    result.vectors.data<double>()[i] = v.data<double>()[i / n * n + order[size_t(i % n)]];
  return result;
}

}  // namespace papilio
