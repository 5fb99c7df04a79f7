// Joining tensors and taking them apart.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/tensor.h"

namespace papilio {

// Joined along `dim`; the other sizes agree. As in PyTorch, a tensor of shape (0) fits everywhere
// and adds nothing. Gradient: each its part of dy.
Tensor concat(const std::vector<Tensor>& tensors, int dim = 0);

// Tensors of one shape along a new dimension `dim` (-1: the last of the result). Gradient: each its
// index of dy.
Tensor stack(const std::vector<Tensor>& tensors, int dim = 0);

// Views of `size` neighbours along `dim` (the last one may be smaller), or of the given sizes,
// which add up to x's. Gradient: dy there, 0 elsewhere.
std::vector<Tensor> split(const Tensor& x, int64_t size, int dim = 0);
std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& sizes, int dim = 0);

}  // namespace papilio
