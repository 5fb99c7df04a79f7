// Picking elements by index: index_select, gather, embedding. Indices are int64 in [0, n); another
// one throws with its place (on a GPU with PAPILIO_CUDA_SYNC=1; else it picks NaN, of integers -1).
// Gradients are added up in the order of the index: the same bits every time.
#pragma once

#include <cstdint>
#include <optional>

#include "tensor/tensor.h"

namespace papilio {

// y[..., j, ...] = x[..., index[j], ...] along `dim`.  index: (k) or 0-d (k = 1); y: x's shape with
// k at `dim`. Gradient: dx[..., i, ...] = sum of dy[..., j, ...] over the j with index[j] = i.
Tensor index_select(const Tensor& x, int dim, const Tensor& index);

// y[a, j, c] = x[a, index[a, j, c], c] (`dim` in the middle here).  index has x's rank and is
// nowhere larger than x but along `dim`; y has index's shape. Gradient: dy, added where it was
// read.
Tensor gather(const Tensor& x, int dim, const Tensor& index);

// y[..., :] = weight[indices[...], :].  weight: (n, d); indices: any shape (at most 7 dimensions);
// y: (..., d). The row `padding_idx` (negative: from the end) gets no gradient.
Tensor embedding(const Tensor& weight, const Tensor& indices,
                 std::optional<int64_t> padding_idx = {});

}  // namespace papilio
