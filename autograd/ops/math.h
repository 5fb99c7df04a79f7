// Powers, roots, exponentials, sines: floating tensors, element by element; abs also for int64 and
// int32.
#pragma once

#include "tensor/tensor.h"

namespace papilio {

// x^exponent. dx = dy exponent x^(exponent - 1), 0 for exponent 0.
Tensor pow(const Tensor& x, double exponent);
// a^b, broadcast. da = dy b a^(b - 1), 0 if b = 0; db = dy a^b ln a, 0 if a = 0 and b >= 0.
Tensor pow(const Tensor& a, const Tensor& b);

// e^x. dx = dy y.
Tensor exp(const Tensor& x);
// The natural logarithm; NaN below 0. dx = dy / x.
Tensor log(const Tensor& x);
// x in radians. sin: dx = dy cos(x); cos: dx = -dy sin(x).
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
// NaN below 0. dx = dy / (2 y), infinite at 0.
Tensor sqrt(const Tensor& x);
// dx = dy (1 - y^2)
Tensor tanh(const Tensor& x);
// |x|. dx = dy sign(x), 0 at 0.
Tensor abs(const Tensor& x);

}  // namespace papilio
