// Where the largest element is.
#pragma once

#include "kernels/declare.h"
#include "kernels/view.h"

namespace papilio {

// x: (outer, n, inner) of any dtype, n >= 1; index: (outer, inner) int64. The first of equal
// maxima; a NaN counts as larger than everything.
PAPILIO_KERNEL(void argmax(View index, ConstView x));

}  // namespace papilio
