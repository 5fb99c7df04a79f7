// Softmax over the last dimension.
#pragma once

#include "tensor/tensor.h"

namespace papilio {

// y_i = exp(x_i) / sum_j exp(x_j) over the last dimension, shifted by the row's maximum so that
// nothing overflows. x: (..., C) floating with at least one dimension; y has x's shape and dtype.
// Gradient: dx = y (dy - sum_j dy_j y_j).
Tensor softmax(const Tensor& x);

}  // namespace papilio
