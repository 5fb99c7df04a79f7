// A rotation part of the way: the path from the identity to it.
#pragma once

#include "tensor/tensor.h"

namespace papilio {

// Q^t: every plane of Q turns by t times its angle; t = 0 gives I, t = 1 gives Q. q: (..., b, b) is
// a function of the skew-symmetric a: (..., b, b) with real coefficients, as the Cayley transform
// and its series are; only a's planes are used, not its length. A series' planes are stretched
// beside being turned, by r: Q^t stretches by r^t. Computed in float64 on the CPU, returned in q's
// dtype on its device, without a gradient. Throws for shapes that differ.
Tensor rotation_power(const Tensor& q, const Tensor& a, double t);

}  // namespace papilio
