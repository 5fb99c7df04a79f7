// Softmax over rows: the last dimension; every view is contiguous and of x's shape and dtype.
#pragma once

#include "kernels/view.h"

namespace papilio::cpu {

// y = exp(x - max x) / sum exp(x - max x)
void softmax(View y, ConstView x);
// dx = y (dy - sum(dy y))
void softmax_backward(View dx, ConstView y, ConstView dy);
// y = x - max x - log sum exp(x - max x)
void log_softmax(View y, ConstView x);
// dx = dy - exp(y) sum(dy)
void log_softmax_backward(View dx, ConstView y, ConstView dy);

}  // namespace papilio::cpu

namespace papilio::cuda {

PAPILIO_CUDA void softmax(View y, ConstView x);
PAPILIO_CUDA void softmax_backward(View dx, ConstView y, ConstView dy);
PAPILIO_CUDA void log_softmax(View y, ConstView x);
PAPILIO_CUDA void log_softmax_backward(View dx, ConstView y, ConstView dy);

}  // namespace papilio::cuda
