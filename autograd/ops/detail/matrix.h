// What operations made of matrix products share. Nothing here records a gradient.
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace papilio {

Tensor transposed(const Tensor& x);
// All rows of x: (..., C) as one matrix (R, C), without a copy if its strides allow it.
Tensor as_rows(const Tensor& x);
// The same elements of a contiguous x under another shape.
Tensor with_shape(const Tensor& x, const Dims& shape);

// Throws for matrix sizes that BLAS cannot count (2^31 and above).
void check_gemm_size(const char* operation, int64_t rows, int64_t columns);
// Before a product on `device`: throws OutOfMemoryError if the library behind it cannot have its
// working space.
void expect_product_memory(const char* operation, Device device);
// x itself if gemm can read its matrices as they lie, else a contiguous copy. Its sizes
// and the product's memory are checked.
Tensor gemm_operand(const char* operation, const Tensor& x);
// A B (+ bias to each row). a: (M, K), b: (K, N), bias: (N) or undefined.
Tensor matrix_product(const char* operation, const Tensor& a, const Tensor& b,
                      const Tensor& bias = {});

}  // namespace papilio
