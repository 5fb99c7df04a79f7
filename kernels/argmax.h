// Where the largest element is.
#pragma once

#include "kernels/view.h"

namespace papilio::cpu {

// x: (outer, n, inner) of any dtype, n >= 1; index: (outer, inner) int64. The first of equal
// maxima; a NaN counts as larger than everything.
void argmax(View index, ConstView x);

}  // namespace papilio::cpu

namespace papilio::cuda {

PAPILIO_CUDA void argmax(View index, ConstView x);

}  // namespace papilio::cuda
