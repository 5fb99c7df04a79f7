// Choice between two tensors, element by element.
#pragma once

#include "tensor/tensor.h"

namespace papilio {

// condition ? a : b. condition is bool; a and b have one dtype, any; all three broadcast. A number
// takes the tensor's dtype. Gradients: da = dy if condition, else 0; db the other way round.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
Tensor where(const Tensor& condition, const Tensor& a, double b);
Tensor where(const Tensor& condition, double a, const Tensor& b);

}  // namespace papilio
