#include "boft/geometry/singular_values.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "autograd/grad_mode.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape.h"
#include "boft/geometry/detail/directions.h"

namespace papilio::boft {

std::vector<double> symmetric_eigenvalues(const Tensor& a) {
  const Tensor x = detail::to_float64("symmetric_eigenvalues", a, 2);
  const int64_t n = x.size(0);
  check(x.dim() == 2 && x.size(1) == n, "symmetric_eigenvalues: expected (n, n), got ", a.shape());
  double* m = x.data<double>();
  const auto at = [m, n](int64_t i, int64_t j) -> double& { return m[i * n + j]; };
  double scale = 0;
  for (int64_t i = 0; i < n * n; ++i) scale = std::max(scale, std::abs(m[i]));
  for (int sweep = 0; sweep < 60; ++sweep) {
    double off = 0;
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < i; ++j) off = std::max(off, std::abs(at(i, j)));
    }
    if (!(off > 1e-15 * scale)) break;
    for (int64_t p = 0; p < n; ++p) {
      for (int64_t q = p + 1; q < n; ++q) {
        if (at(p, q) == 0) continue;
        // The rotation of the (p, q) plane that makes a_pq zero.
        const double theta = (at(q, q) - at(p, p)) / (2 * at(p, q));
        const double t = std::copysign(1.0, theta) / (std::abs(theta) + std::hypot(theta, 1.0));
        const double c = 1 / std::hypot(t, 1.0), s = t * c;
        for (int64_t k = 0; k < n; ++k) {
          const double kp = at(k, p), kq = at(k, q);
          at(k, p) = c * kp - s * kq;
          at(k, q) = s * kp + c * kq;
        }
        for (int64_t k = 0; k < n; ++k) {
          const double pk = at(p, k), qk = at(q, k);
          at(p, k) = c * pk - s * qk;
          at(q, k) = s * pk + c * qk;
        }
      }
    }
  }
  std::vector<double> values;
  for (int64_t i = 0; i < n; ++i) values.push_back(at(i, i));
  std::ranges::sort(values);
  return values;
}

std::vector<double> singular_values(const Tensor& w) {
  const NoGrad no_grad;
  check(w.defined() && w.dim() == 2, "singular_values: expected W of shape (out, d)");
  Tensor x = detail::to_float64("singular_values", w, 2);
  if (x.size(0) > x.size(1)) x = transpose(x, 0, 1);
  std::vector<double> values = symmetric_eigenvalues(matmul(x, transpose(x, 0, 1)));
  for (double& v : values) v = std::sqrt(std::max(v, 0.0));
  std::ranges::reverse(values);
  return values;
}

}  // namespace papilio::boft
