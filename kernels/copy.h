// Moving elements: between layouts, between dtypes, and one value everywhere.
#pragma once

#include "kernels/declare.h"
#include "kernels/view.h"

namespace papilio {

// dst = src, element by element. Any strides on both sides (src may have stride 0), any dtypes;
// shapes are equal. Conversions: floating to integer truncates, saturates at the ends and makes NaN
// 0; to boolean is "not zero"; between integers the low bits stay. dst and src do not overlap.
PAPILIO_KERNEL(void copy(View dst, ConstView src));
// Every element of dst, any strides, becomes `value` (converted as above).
PAPILIO_KERNEL(void fill(View dst, double value));

}  // namespace papilio
