// Softmax over rows: the last dimension; every view is contiguous and of x's shape and dtype.
#pragma once

#include "kernels/declare.h"
#include "kernels/view.h"

namespace papilio {

// y = exp(x - max x) / sum exp(x - max x)
PAPILIO_KERNEL(void softmax(View y, ConstView x));
// dx = y (dy - sum(dy y))
PAPILIO_KERNEL(void softmax_backward(View dx, ConstView y, ConstView dy));
// y = x - max x - log sum exp(x - max x)
PAPILIO_KERNEL(void log_softmax(View y, ConstView x));
// dx = dy - exp(y) sum(dy)
PAPILIO_KERNEL(void log_softmax_backward(View dx, ConstView y, ConstView dy));

}  // namespace papilio
