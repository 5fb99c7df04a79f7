// The linear layer that BOFT adapts, in one recorded operation.
#pragma once

#include "tensor/tensor.h"

namespace papilio {

// y = s o (x R W^T) + bias. x: (..., d), weight W: (out, d), bias: (out) or undefined, q: (m, N, b,
// b) the orthogonal factors of R (butterfly_rotation), s: (out, 1); y: (..., out). One floating
// dtype; or x, bias and y of 16 bits with W, q and s of float32: then products have x's dtype, and
// the rotation and the gradients of q and s are float32 (what Autocast makes of float32 tensors).
// With q = I and s = 1, y has the bits of linear(x, W, bias).
//
// Forward, weight side: W' = s o (W R^T), y = x W'^T + bias: rotating the out rows of W instead of
// the rows of x. (The input side, as written above, if x has no more rows than W.) Backward, g =
// dL/dy, for a frozen W. dx = g W' is the product that the layer owes anyway. Then, because R is
// orthogonal,
//   u = dL/d(x R) = (g o s) W = dx R,     dL/dR = x^T u = (x^T dx) R,
// and R mixes only segments of w = b 2^(m-1) columns: of x^T dx the (w, w) blocks on the diagonal
// suffice, 2 w operations for each element of x, and no row is rotated. dL/dR becomes dL/dq through
// the factors of each segment once, not once a row. If w is large, or rows are few, u = (g o s)
// W is walked back through the factors instead.
//   ds_j = sum_r g_rj z_rj,  z = x R W^T = (y - bias) / s,
// from the saved y, but in columns in which bias swamps y (or s = 0) z is computed again.
// Saved: x and, for the gradients of s and the bias, y; neither W' nor any d x d matrix.
//
// A q that is not orthogonal gives a wrong dq here (use boft_linear_composed). A weight that wants
// a gradient is passed on to boft_linear_composed.
Tensor boft_linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& q,
                   const Tensor& s);

// The same composed of butterfly_rotation, linear, mul and add: any q, a gradient for the weight
// too; the reference in tests.
Tensor boft_linear_composed(const Tensor& x, const Tensor& weight, const Tensor& bias,
                            const Tensor& q, const Tensor& s);

}  // namespace papilio
