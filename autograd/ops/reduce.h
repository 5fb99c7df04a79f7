// Reductions over dimensions: sum, mean, var, max, min.
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace papilio {

// A name for the argument: sum(x, {-1}, keepdim).
inline constexpr bool keepdim = true;

// All of them: `dims` go away ({}: all; negative ones count from the end); with `keep` they stay
// with size 1. x has any strides. 16-bit types are accumulated in float32. A wrong or repeated
// dimension throws.

// sum_i x_i. Integers and bool give int64. Gradient: dy, expanded.
Tensor sum(const Tensor& x, const Dims& dims = {}, bool keep = false);

// (sum_i x_i) / n; NaN for n = 0. x floating. Gradient: dy / n, expanded.
Tensor mean(const Tensor& x, const Dims& dims = {}, bool keep = false);

// sum_i (x_i - mean)^2 / max(0, n - correction), in two passes; correction 1 (the default,
// PyTorch's) is unbiased, 0 is the population's variance. x floating. Gradient: 2 (x - mean) dy /
// (n - correction).
Tensor var(const Tensor& x, const Dims& dims = {}, bool keep = false, int64_t correction = 1);

// Largest and smallest element; NaN if there is one. n = 0 throws. Gradient (floating x): dy, in
// equal shares to all elements that are equal to the result.
Tensor max(const Tensor& x, const Dims& dims = {}, bool keep = false);
Tensor min(const Tensor& x, const Dims& dims = {}, bool keep = false);

}  // namespace papilio
