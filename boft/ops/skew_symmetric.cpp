#include "boft/ops/skew_symmetric.h"

#include "autograd/ops.h"
#include "autograd/ops/check.h"
#include "tensor/copy.h"
#include "tensor/creation.h"

namespace papilio {

Tensor skew_symmetric(const Tensor& upper, int64_t b) {
  check_floating("skew_symmetric", upper, "upper");
  const int64_t n = b * (b - 1) / 2;
  check(b >= 1 && upper.dim() >= 1 && upper.size(-1) == n,
        "skew_symmetric: expected upper of shape (..., ", n, ") for b = ", b, ", got ",
        upper.shape());
  // Entry (i, j) is entry k of (0, upper, -upper).
  std::vector<int64_t> from(b * b);
  for (int64_t i = 0, k = 1; i < b; ++i)
    for (int64_t j = i + 1; j < b; ++j, ++k) from[i * b + j] = k, from[j * b + i] = k + n;
  Dims zero = upper.shape(), shape = upper.shape();
  zero[zero.size() - 1] = 1;
  shape[shape.size() - 1] = b;
  shape.push_back(b);
  const Tensor all = concat({zeros(zero, {upper.dtype(), upper.device()}), upper, -upper}, -1);
  return reshape(index_select(all, -1, copy_of(tensor(from), upper.device())), shape);
}

Tensor upper_triangle(const Tensor& a) {
  check_floating("upper_triangle", a, "a");
  check(a.dim() >= 2 && a.size(-1) == a.size(-2),
        "upper_triangle: expected a of shape (..., b, b), got ", a.shape());
  const int64_t b = a.size(-1);
  std::vector<int64_t> from;
  for (int64_t i = 0; i < b; ++i)
    for (int64_t j = i + 1; j < b; ++j) from.push_back(i * b + j);
  return index_select(flatten(a, -2, -1), -1,
                      copy_of(tensor(from, {int64_t(from.size())}), a.device()));
}

}  // namespace papilio
