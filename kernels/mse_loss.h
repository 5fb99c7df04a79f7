// Squared errors of x and target, of one shape and one floating dtype, contiguous. Computed in
// float64 for float64 and in float32 otherwise.
#pragma once

#include "kernels/declare.h"
#include "kernels/view.h"

namespace papilio {

// y_i = (x_i - target_i)^2, of x's shape and dtype.
PAPILIO_KERNEL(void squared_errors(View y, ConstView x, ConstView target));
// total = factor sum_i (x_i - target_i)^2, 0-d of x's dtype. The order of additions depends on the
// number of elements, and on the processor's vectors, only.
PAPILIO_KERNEL(void mse_loss(View total, ConstView x, ConstView target, double factor));

// dx = 2 factor dy (x - target), dtarget = -dx. dy: contiguous of x's shape, or one element for
// all. Outputs whose data is null are left out.
struct MseLossBackward {
  View dx, dtarget;
  ConstView dy, x, target;
  double factor;
};
PAPILIO_KERNEL(void mse_loss_backward(const MseLossBackward& args));

}  // namespace papilio
