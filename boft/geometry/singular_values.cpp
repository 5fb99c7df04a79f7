#include "boft/geometry/singular_values.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "autograd/grad_mode.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape.h"
#include "boft/geometry/detail/directions.h"
#include "boft/ops/symmetric_eigen.h"

namespace papilio::boft {

std::vector<double> symmetric_eigenvalues(const Tensor& a) {
  return symmetric_eigen(a, false).values;
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
