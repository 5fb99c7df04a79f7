// A bias and the GELU behind it, in one pass.
#pragma once

#include "autograd/ops/activation.h"

namespace papilio {

// y = gelu(x + bias), the GELU of activation.h. x: (..., n), bias: (n) of x's dtype, or undefined
// for gelu(x); y has x's shape. bfloat16 and float16 are computed in float32. Under Autocast y has
// x's dtype, whatever the bias has. dx = dy gelu'(x + bias), dbias = sum over rows of dx: one pass
// too. Saved: x and bias.
Tensor bias_gelu(const Tensor& x, const Tensor& bias,
                 GeluApproximate approximate = GeluApproximate::none);
// The same composed of add and gelu: the reference in tests.
Tensor bias_gelu_composed(const Tensor& x, const Tensor& bias,
                          GeluApproximate approximate = GeluApproximate::none);

}  // namespace papilio
