// Logarithm of the softmax over one dimension.
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace papilio {

// y_i = x_i - log sum_j exp(x_j) over dimension `dim`, shifted by the maximum so that nothing
// overflows and small probabilities keep their digits. x: floating with at least one dimension; y
// has x's shape and dtype. Gradient: dx = dy - exp(y) sum_j dy_j.
Tensor log_softmax(const Tensor& x, int64_t dim = -1);

}  // namespace papilio
