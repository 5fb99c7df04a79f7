// Columns made orthonormal.
#pragma once

#include "tensor/tensor.h"

namespace papilio {

// The columns q_k of length 1 with q_k = (u_k - sum_{j < k} (q_j u_k) q_j) / |...|, by the modified
// Gram-Schmidt process: each new q_k is taken out of all later columns at once. u, q: (d, r), r <=
// d. A column that depends on those before it leaves nothing but rounding errors, whose direction
// says nothing, or NaN. 16-bit types are computed in float32. Composed of operations,
// and so is its gradient.
Tensor gram_schmidt(const Tensor& u);

}  // namespace papilio
