#include "boft/geometry/energy.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>

#include "autograd/grad_mode.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape.h"
#include "tensor/copy.h"
#include "tensor/creation.h"

namespace papilio::boft {

namespace {

Tensor to_float64(const char* name, const Tensor& x, int dims) {
  check(x.defined() && x.dim() >= dims, name, ": expected at least ", dims, " dimensions, got ",
        x.defined() ? str(x.shape()) : "an undefined tensor");
  return copy_of(cpu_data(x), DType::float64);
}

// Rows of W divided by their length; zero rows are dropped. (rows, d) row-major.
struct Directions {
  std::vector<double> values;
  int64_t rows = 0, d = 0;
  const double* row(int64_t i) const { return values.data() + i * d; }
};

Directions directions(const char* name, const Tensor& w) {
  check(w.defined() && w.dim() == 2, name, ": expected W of shape (out, d), got ",
        w.defined() ? str(w.shape()) : "an undefined tensor");
  const Tensor x = copy_of(cpu_data(w), DType::float64);
  Directions u{{}, 0, w.size(1)};
  for (int64_t i = 0; i < w.size(0); ++i) {
    const double* row = x.data<double>() + i * u.d;
    const double length = std::sqrt(std::inner_product(row, row + u.d, row, 0.0));
    if (length == 0) continue;
    for (int64_t k = 0; k < u.d; ++k) u.values.push_back(row[k] / length);
    ++u.rows;
  }
  return u;
}

// Distance of two unit vectors; exact for near ones, where 2 - 2 cos would cancel.
double distance(const double* a, const double* b, int64_t d) {
  double sum = 0;
  for (int64_t k = 0; k < d; ++k) sum += (a[k] - b[k]) * (a[k] - b[k]);
  return std::sqrt(sum);
}

}  // namespace

double hyperspherical_energy(const Tensor& w) {
  const Directions u = directions("hyperspherical_energy", w);
  double energy = 0;
  for (int64_t i = 0; i < u.rows; ++i) {
    for (int64_t j = 0; j < i; ++j) energy += 2 / distance(u.row(i), u.row(j), u.d);
  }
  return energy;
}

std::vector<double> pairwise_angles(const Tensor& w) {
  const Directions u = directions("pairwise_angles", w);
  std::vector<double> angles;
  for (int64_t i = 0; i < u.rows; ++i) {
    for (int64_t j = 0; j < i; ++j) {
      angles.push_back(2 * std::asin(std::min(1.0, distance(u.row(i), u.row(j), u.d) / 2)));
    }
  }
  return angles;
}

double orthogonality_error(const Tensor& q) {
  const NoGrad no_grad;
  const Tensor x = to_float64("orthogonality_error", q, 2);
  const int64_t n = x.size(-1);
  check(x.size(-2) == n, "orthogonality_error: expected square matrices, got ", q.shape());
  const std::vector<double> product = matmul(x, transpose(x, -1, -2)).to_vector<double>();
  double worst = 0;
  for (size_t i = 0; i < product.size(); ++i) {
    const int64_t at = int64_t(i) % (n * n);
    const double error = std::abs(product[i] - (at % (n + 1) == 0 ? 1 : 0));
    if (std::isnan(error)) return error;
    worst = std::max(worst, error);
  }
  return worst;
}

std::vector<double> symmetric_eigenvalues(const Tensor& a) {
  const Tensor x = to_float64("symmetric_eigenvalues", a, 2);
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
  Tensor x = to_float64("singular_values", w, 2);
  if (x.size(0) > x.size(1)) x = transpose(x, 0, 1);
  std::vector<double> values = symmetric_eigenvalues(matmul(x, transpose(x, 0, 1)));
  for (double& v : values) v = std::sqrt(std::max(v, 0.0));
  std::ranges::reverse(values);
  return values;
}

std::vector<double> rotation_angles(const Tensor& q) {
  const Tensor x = to_float64("rotation_angles", q, 2);
  const int64_t n = x.size(-1);
  check(x.size(-2) == n, "rotation_angles: expected square matrices, got ", q.shape());
  std::vector<double> angles;
  for (int64_t start = 0; start < x.numel(); start += n * n) {
    // I - Q has the singular value 2 sin(angle / 2) twice for every eigen-plane, I + Q has
    // 2 cos(angle / 2): one of the two is exact enough at every angle, where a cosine alone sees
    // nothing below 5e-4 in a float32 Q.
    const Tensor one = x.alias({{n, n}, {n, 1}, start});
    const Tensor identity = eye(n, {.dtype = DType::float64});
    const std::vector<double> sines = singular_values(identity - one),
                              cosines = singular_values(identity + one);
    for (size_t i = 0; i + 1 < size_t(n); i += 2)
      angles.push_back(2 * std::atan2(sines[i], cosines[size_t(n) - 1 - i]));
  }
  std::ranges::sort(angles, std::greater());
  return angles;
}

}  // namespace papilio::boft
