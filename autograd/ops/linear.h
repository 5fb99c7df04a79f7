// The linear layer's arithmetic.
#pragma once

#include "autograd/ops/activation.h"

namespace papilio {

// y = x W^T + bias. x: (..., in), weight W: (out, in), bias: (out) or undefined; y: (..., out). One
// floating dtype. In float32 and float64 linear(x, W, bias) has the bits of linear(x, W) + bias.
// Gradients: dx = dy W, dW = dy^T x, dbias = the sum of dy over rows; x is kept only if W wants
// a gradient.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

// gelu(x W^T + bias), the GELU of activation.h; arguments as linear's. bias_gelu(linear(x, W),
// bias), but on a GPU, approximated with tanh, one kernel of cuBLASLt's if it has one: then
// saved is the sum x W^T + bias in the product's place.
Tensor linear_gelu(const Tensor& x, const Tensor& weight, const Tensor& bias,
                   GeluApproximate approximate = GeluApproximate::none);

}  // namespace papilio
