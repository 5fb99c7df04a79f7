#include "boft/geometry/angles.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "autograd/grad_mode.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape.h"
#include "boft/geometry/detail/directions.h"
#include "boft/geometry/singular_values.h"
#include "tensor/creation.h"

namespace papilio::boft {

std::vector<double> pairwise_angles(const Tensor& w) {
  const detail::Directions u = detail::directions("pairwise_angles", w);
  std::vector<double> angles;
  for (int64_t i = 0; i < u.rows; ++i) {
    for (int64_t j = 0; j < i; ++j) {
      angles.push_back(2 * std::asin(std::min(1.0, detail::distance(u.row(i), u.row(j), u.d) / 2)));
    }
  }
  return angles;
}

double orthogonality_error(const Tensor& q) {
  const NoGrad no_grad;
  const Tensor x = detail::to_float64("orthogonality_error", q, 2);
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

std::vector<double> rotation_angles(const Tensor& q) {
  const Tensor x = detail::to_float64("rotation_angles", q, 2);
  const int64_t n = x.size(-1);
  check(x.size(-2) == n, "rotation_angles: expected square matrices, got ", q.shape());
  std::vector<double> angles;
  for (int64_t start = 0; start < x.numel(); start += n * n) {
    // I - Q has the singular value 2 sin(angle / 2) twice for every eigen-plane, I + Q has
    // 2 cos(angle / 2): one of the two is exact enough at every angle; a cosine alone sees nothing
    // below 5e-4 in a float32 Q.
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
