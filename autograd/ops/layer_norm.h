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

// What add_layer_norm returns: x + residual, and its layer norm.
struct SumAndNorm {
  Tensor sum, norm;
};
// sum = a + b and norm = layer_norm(sum, weight, bias, eps) in one pass: a residual and the norm
// that follows it. a, b: (..., C) of one shape, dtype and device.
SumAndNorm add_layer_norm(const Tensor& a, const Tensor& b, const Tensor& weight = {},
                          const Tensor& bias = {}, double eps = 1e-5);
// The same composed of add and layer_norm: the reference in tests.
SumAndNorm add_layer_norm_composed(const Tensor& a, const Tensor& b, const Tensor& weight = {},
                                   const Tensor& bias = {}, double eps = 1e-5);

}  // namespace papilio
