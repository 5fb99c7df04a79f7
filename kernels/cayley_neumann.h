// Cayley-Neumann series of a batch of matrices: (I + A)(I - A)^-1 cut off after the power k,
//   Q = I + 2 A + 2 A^2 + ... + 2 A^(k-1) + A^k,
// with k = 0 for one term, k = 1 for two (there Q = I + 2 A), 3 for three, terms - 1 for more:
// PEFT's series, where three and four terms are the same.
#pragma once

#include <cstdint>

#include "kernels/declare.h"
#include "kernels/view.h"

namespace papilio {

constexpr int64_t neumann_degree(int64_t terms) {
  return terms == 3 ? 3 : terms - 1;
}
// The factor of A^power.
constexpr int neumann_coefficient(int64_t power, int64_t degree) {
  return power == 0 ? 1 : power == degree && degree > 1 ? 1 : 2;
}

// a, q: (..., b, b), contiguous, one floating dtype (16-bit types are computed in float32); terms
// >= 1. A = 0 gives exactly the identity, without a negative zero.
PAPILIO_KERNEL(void cayley_neumann(View q, ConstView a, int64_t terms));

// da from dq, the powers' partial sums computed again: with H_k = c_k I, H_j = c_j I + A H_{j+1},
// Q = H_0 and G_0 = dQ, G_{j+1} = A^T G_j:   dA = sum over j < k of G_j H_{j+1}^T. Any square A.
PAPILIO_KERNEL(void cayley_neumann_backward(View da, ConstView dq, ConstView a, int64_t terms));

}  // namespace papilio
