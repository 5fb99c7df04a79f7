// The larger, the smaller, and the limited: floating, int64 and int32 tensors. NaN on either side
// gives NaN.
#pragma once

#include <limits>

#include "tensor/tensor.h"

namespace papilio {

// The larger (smaller) of a and b, broadcast. The gradient goes to the one taken, half to each
// if they are equal.
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, const Tensor& b);

// min(max(x, low), high): high if low > high. dx = dy if low <= x <= high, else 0.
Tensor clamp(const Tensor& x, double low, double high = std::numeric_limits<double>::infinity());

}  // namespace papilio
