// Softmax over one dimension.
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace papilio {

// y_i = exp(x_i) / sum_j exp(x_j) over dimension `dim`, shifted by the maximum so that nothing
// overflows. x: floating with at least one dimension; y has x's shape and dtype.
// Gradient: dx = y (dy - sum_j dy_j y_j).
Tensor softmax(const Tensor& x, int64_t dim = -1);

}  // namespace papilio
