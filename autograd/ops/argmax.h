// Index of the largest element.
#pragma once

#include "tensor/tensor.h"

namespace papilio {

// int64 position along `dim` of the largest element of x (any dtype): the first of several, a NaN
// before anything else. `dim` goes away, or stays with size 1 with `keep`. An empty `dim` throws.
// The result is an integer: no gradient.
Tensor argmax(const Tensor& x, int dim, bool keep = false);

}  // namespace papilio
