// Layer normalisation.
#pragma once

#include "tensor/tensor.h"

namespace papilio {

// y = (x - mean) / sqrt(variance + eps) weight + bias, mean and (biased) variance over the last
// dimension. x: (..., C) floating; weight, bias: (C) of x's dtype, or undefined for 1 and 0; y has
// x's shape. bfloat16 and float16 are computed in float32.
// With n = (x - mean) / sqrt(variance + eps) and g = dy weight: dx = (g - mean(g) - n mean(g n)) /
// sqrt(variance + eps), dweight = sum over rows of dy n, dbias = sum over rows of dy.
// Ba, Kiros, Hinton: "Layer normalization", 2016, equations 3 and 4.
Tensor layer_norm(const Tensor& x, const Tensor& weight = {}, const Tensor& bias = {},
                  double eps = 1e-5);

}  // namespace papilio
