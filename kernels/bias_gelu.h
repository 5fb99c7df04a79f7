// GELU of rows and a bias: the last dimension, n columns. Every view is contiguous and of x's
// dtype; a bias (n) whose data is null is 0. `tanh`: GELU approximated (functors.h), else the exact
// one.
#pragma once

#include "kernels/declare.h"
#include "kernels/view.h"

namespace papilio {

// y = gelu(x + bias)
PAPILIO_KERNEL(void bias_gelu(View y, ConstView x, ConstView bias, bool tanh));
// dx = dy gelu'(x + bias);  dbias = sum over rows of dx. Outputs whose data is null are left out.
// Rows are summed in a fixed order, whatever the number of threads.
PAPILIO_KERNEL(void bias_gelu_backward(View dx, View dbias, ConstView dy, ConstView x,
                                       ConstView bias, bool tanh));

}  // namespace papilio
