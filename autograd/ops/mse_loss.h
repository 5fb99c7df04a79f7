// The mean squared error.
#pragma once

#include "autograd/ops/cross_entropy.h"
#include "tensor/tensor.h"

namespace papilio {

// (x - target)^2, and of that the mean (0-d), the sum (0-d) or, with Reduction::none, itself. x,
// target: one shape and floating dtype; float32 in mixed precision. Gradients: dx = 2 (x - target)
// dy (/ n for the mean), dtarget = -dx. The mean of no elements is NaN. In one pass over x and
// target, 16-bit types in float32 until the result; the same bits whatever the number of threads.
Tensor mse_loss(const Tensor& x, const Tensor& target, Reduction reduction = Reduction::mean);

// The same of pow and mean.
Tensor mse_loss_composed(const Tensor& x, const Tensor& target,
                         Reduction reduction = Reduction::mean);

}  // namespace papilio
