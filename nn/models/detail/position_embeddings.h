// Position embeddings for images of another size than a model was trained on.
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace papilio::nn {

// Transformers' interpolate_pos_encoding: the positions of the patches, a square grid, resized by
// bicubic convolution to rows x columns; the first `tokens` positions (class token) stay. As
// torch.nn.functional.interpolate computes it with mode="bicubic" and align_corners=False: a =
// -3/4, or with `antialias`, a = -1/2 and a kernel that widens when the grid shrinks.
// Differentiable. positions: (1, tokens + side^2, D) -> (1, tokens + rows * columns, D). Throws
// if the patches are no square or a size is below 1.
Tensor interpolate_positions(const Tensor& positions, int64_t tokens, int64_t rows, int64_t columns,
                             bool antialias = false);

}  // namespace papilio::nn
