// Other shapes for the same elements. All but contiguous, clone, pad and flip return views: no
// copy, the same memory.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/tensor.h"

namespace papilio {

// The same elements in row-major order under another shape; one size may be -1. A view, or a copy
// if strides forbid one. Another number of elements throws. Gradient: dy in x's shape.
Tensor reshape(const Tensor& x, const Dims& shape);
// Dimensions first to last (both included) become one. A 0-d x becomes (1).
Tensor flatten(const Tensor& x, int first = 0, int last = -1);
// Swaps two dimensions. Gradient: swapped back.
Tensor transpose(const Tensor& x, int a, int b);
// Dimension i of the result is dimension order[i] of x. Gradient: the inverse order.
Tensor permute(const Tensor& x, const Dims& order);
// Broadcasts: sizes of 1 and new leading dimensions repeat, -1 keeps a size. Gradient: sums over
// what repeats.
Tensor expand(const Tensor& x, const Dims& shape);
// Removes all dimensions of size 1, or one (which must have size 1).
Tensor squeeze(const Tensor& x);
Tensor squeeze(const Tensor& x, int dim);
// Inserts a dimension of size 1 before `dim` of x (-1: at the end).
Tensor unsqueeze(const Tensor& x, int dim);
// Index i (negative: from the end) of one dimension, which goes away. Gradient: dy there, 0
// elsewhere.
Tensor select(const Tensor& x, int dim, int64_t i);
// Elements start, start + step, ... below stop of one dimension; negative ones count from the end,
// both are clipped, as in Python. step >= 1. Gradient: dy there, 0 elsewhere.
Tensor slice(const Tensor& x, int dim, int64_t start, int64_t stop = INT64_MAX, int64_t step = 1);

// x itself if its elements lie in row-major order without gaps, else a copy that does. Gradient:
// dy.
Tensor contiguous(const Tensor& x);
// A contiguous copy. Gradient: dy.
Tensor clone(const Tensor& x);
// `value` around x: amounts are {before, after} of the last dimension, then of the one before it,
// ... (PyTorch's order); negative ones cut. Gradient: the part of dy that came from x.
Tensor pad(const Tensor& x, const std::vector<int64_t>& amounts, double value = 0);
// A copy with some dimensions reversed. Gradient: dy reversed.
Tensor flip(const Tensor& x, const Dims& dims);

}  // namespace papilio
