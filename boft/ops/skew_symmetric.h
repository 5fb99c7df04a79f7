// Skew-symmetric matrices, A^T = -A, and the b (b - 1) / 2 numbers above their diagonals.
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace papilio {

// A = U - U^T with the strict upper triangle U row by row from `upper`: (..., b (b - 1) / 2). A:
// (..., b, b). Gradient: dU_ij = dA_ij - dA_ji. Throws if the last size is another. OFT's
// parameters in PEFT's files.
Tensor skew_symmetric(const Tensor& upper, int64_t b);

// The strict upper triangle of a: (..., b, b) row by row: (..., b (b - 1) / 2).
Tensor upper_triangle(const Tensor& a);
// b of b (b - 1) / 2 = n numbers, or 0.
int64_t block_size_of_triangle(int64_t n);

}  // namespace papilio
