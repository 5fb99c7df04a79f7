// The linear layer that LoRA adapts, in one recorded operation.
#pragma once

#include "tensor/tensor.h"

namespace papilio {

// y = x W^T + bias + scaling (x A^T) B^T. x: (..., d), weight W: (out, d), frozen; bias: (out) or
// undefined; A: (r, d), B: (out, r); y: (..., out). One dtype, inside Autocast that of products.
// `dropped`, of x's shape: x after LoRA's dropout, which then stands before A^T in its place;
// undefined: x.
//
// Weight side (more rows of x than of W, no dropout): W' = W + scaling B A, y = x W'^T + bias, and
// with g = dL/dy backward dx = g W' is the product that the layer owes anyway: no pass over y or g
// is added. Else, and always in 16 bits, where W' would lose what is small in B A, (x A^T) B^T is
// added into y by the product itself. Either way
//   u = scaling g B,  dA = u^T x,  dB = scaling g^T (x A^T),
// where u and x A^T have r columns. Saved: x, and if it wants a gradient W, inside Autocast in
// 16 bits.
// The linear layer's own product has the bits of linear(x, W, bias) if B = 0. A weight that wants a
// gradient is passed on to lora_linear_composed. Hu and others: "LoRA", arXiv 2106.09685, equation
// 3.
Tensor lora_linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& a,
                   const Tensor& b, double scaling, const Tensor& dropped = {});

// The same composed of linear, mul and add: the reference in tests.
Tensor lora_linear_composed(const Tensor& x, const Tensor& weight, const Tensor& bias,
                            const Tensor& a, const Tensor& b, double scaling,
                            const Tensor& dropped = {});

}  // namespace papilio
