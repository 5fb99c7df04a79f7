// Matrix product.
#pragma once

#include "tensor/tensor.h"

namespace papilio {

// PyTorch's matmul: C = A B over the last two dimensions, a: (..., M, K), b: (..., K, N), leading
// dimensions broadcast, c: (..., M, N). A 1-d a is a row (1, K), a 1-d b a column (K, 1), and that
// dimension is dropped from c: two vectors give their dot product, 0-d. Transposed matrices are
// read as they lie. One floating dtype; bfloat16 and float16 are summed in float32.
// Gradients: dA = dC B^T, dB = A^T dC, summed over broadcast dimensions.
// Throws for a 0-d operand, different K, leading dimensions that do not broadcast.
Tensor matmul(const Tensor& a, const Tensor& b);

}  // namespace papilio
