// Operations behind their doors, for other operations: arguments are checked, dtypes settled.
#pragma once

#include "tensor/tensor.h"

namespace papilio::settled {

// y = x R, or x R^T: butterfly_rotation (boft/ops/butterfly_rotation.h), recorded as `operation`.
Tensor butterfly_rotation(const char* operation, const Tensor& x, const Tensor& q, bool transposed);

}  // namespace papilio::settled
