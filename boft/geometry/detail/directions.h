// What the files of this folder share: rows as directions, numbers in float64.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/tensor.h"

namespace papilio::boft::detail {

// x copied to the CPU in float64. Throws ArgumentError, which begins with `name`, for fewer than
// `dims` dimensions.
Tensor to_float64(const char* name, const Tensor& x, int dims);

// Rows of W divided by their length; zero rows are dropped. (rows, d) row-major.
struct Directions {
  std::vector<double> values;
  int64_t rows = 0, d = 0;
  const double* row(int64_t i) const { return values.data() + i * d; }
};

Directions directions(const char* name, const Tensor& w);

// Distance of two unit vectors; exact for near ones, where 2 - 2 cos would cancel.
double distance(const double* a, const double* b, int64_t d);

}  // namespace papilio::boft::detail
