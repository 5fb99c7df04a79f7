// Another element type.
#pragma once

#include "tensor/tensor.h"

namespace papilio {

// x's values as `dtype`; x itself if it is that already. Floating to integer truncates, saturates
// and makes NaN 0; to bool is "not zero". Between floating dtypes the gradient is cast back; an
// integer or bool result carries none.
Tensor cast(const Tensor& x, DType dtype);

}  // namespace papilio
