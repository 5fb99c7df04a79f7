#include "boft/geometry/detail/directions.h"

#include <cmath>
#include <cstdint>
#include <numeric>

#include "tensor/copy.h"

namespace papilio::boft::detail {

Tensor to_float64(const char* name, const Tensor& x, int dims) {
  check(x.defined() && x.dim() >= dims, name, ": expected at least ", dims, " dimensions, got ",
        x.defined() ? str(x.shape()) : "an undefined tensor");
  return copy_of(cpu_data(x), DType::float64);
}

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

double distance(const double* a, const double* b, int64_t d) {
  double sum = 0;
  for (int64_t k = 0; k < d; ++k) sum += (a[k] - b[k]) * (a[k] - b[k]);
  return std::sqrt(sum);
}

}  // namespace papilio::boft::detail
