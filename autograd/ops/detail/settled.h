// Operations behind their doors, for other operations: arguments are checked, dtypes settled.
#pragma once

#include "autograd/ops/activation.h"
#include "tensor/tensor.h"

namespace papilio::settled {

// linear and bias_gelu (autograd/ops/linear.h, bias_gelu.h), recorded as there.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);
Tensor bias_gelu(const Tensor& x, const Tensor& bias, GeluApproximate approximate);

}  // namespace papilio::settled
