// A rotation, nearly, without an inversion.
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace papilio {

// Cayley-Neumann series of A: (..., b, b), skew-symmetric if a rotation is wanted:
//   Q = I + 2 A + 2 A^2 + ... + 2 A^(k-1) + A^k   ~   (I + A)(I - A)^-1
// for `terms` >= 1: k = 0 and 1 for one and two (there Q = I + 2 A), 3 for three and for four,
// terms - 1 for more. It approximates the transpose of the exact transform cayley(A) = (I - A)(I +
// A)^-1; Q Q^T = I - A^(2k) for odd k. Q: A's shape. 16-bit types are computed in float32. Holds
// for any square A; only A is saved. Throws for another shape and terms < 1. Source: PEFT's
// OFTRotationModule (0.18 and newer); OFT v2 (arXiv 2506.19847), section 4.
Tensor cayley_neumann(const Tensor& a, int64_t terms);

// The series of PEFT 0.16 and 0.17, whose last term is doubled too:
//   Q = I + 2 A + 2 A^2 + ... + 2 A^(terms-1)
Tensor cayley_neumann_doubled(const Tensor& a, int64_t terms);

}  // namespace papilio
