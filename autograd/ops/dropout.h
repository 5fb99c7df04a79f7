// Dropout.
#pragma once

#include "tensor/random.h"

namespace papilio {

// Training: y_i = 0 with probability p, x_i / (1 - p) otherwise. The mask takes numel words of `g`,
// one an element, and is computed from them again in the backward pass: nothing is stored.
// Not training, or p = 0: x itself, and `g` stays where it is. x: floating; y has x's shape.
// Throws unless 0 <= p <= 1. Gradient: dx = dy times the same mask and factor.
Tensor dropout(const Tensor& x, double p, bool training, Generator& g = default_generator());

}  // namespace papilio
