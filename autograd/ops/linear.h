// The linear layer's arithmetic.
#pragma once

#include "tensor/tensor.h"

namespace papilio {

// y = x W^T + bias. x: (..., in), weight W: (out, in), bias: (out) or undefined; y: (..., out). One
// floating dtype. In float32 and float64 linear(x, W, bias) has the bits of linear(x, W) + bias.
// Gradients: dx = dy W, dW = dy^T x, dbias = the sum of dy over rows; x is kept only where W wants
// a gradient.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

}  // namespace papilio
