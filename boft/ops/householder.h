// Rows reflected one hyperplane after the other.
#pragma once

#include "tensor/tensor.h"

namespace papilio {

// y = x H_1 H_2 ... H_r with H_k = I - 2 u_k u_k^T / |u_k|^2, orthogonal and its own inverse (HRA,
// arXiv 2405.17484, section 3). x, y: (..., d); u: (d, r), a vector a column, none of them 0 (whose
// direction, and so y, is NaN); their lengths do not matter. Two equal columns side by side are the
// identity. 16-bit types are computed in float32. A u of float32 goes with x of any floating dtype,
// and y has x's dtype, as in butterfly_rotation. Gradients: lesson 10; nothing is saved but x, and
// not even x if u's gradient is not wanted.
Tensor householder(const Tensor& x, const Tensor& u);

// The transpose: y = x H_r ... H_2 H_1.
Tensor householder_transposed(const Tensor& x, const Tensor& u);

}  // namespace papilio
