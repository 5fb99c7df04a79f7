// Activation functions: floating tensors, element by element.
#pragma once

#include "tensor/tensor.h"

namespace papilio {

// max(x, 0); also for int64 and int32. dx = dy if x > 0, else 0.
Tensor relu(const Tensor& x);

// 1 / (1 + e^-x). dx = dy y (1 - y).
Tensor sigmoid(const Tensor& x);

// x sigmoid(x), also known as swish (Elfwing et al., arXiv 1702.03118).
Tensor silu(const Tensor& x);

// none: by the normal distribution function; tanh: by its approximation, as PyTorch's
// `approximate`.
enum class GeluApproximate { none, tanh };

// Gaussian error linear unit (Hendrycks and Gimpel, arXiv 1606.08415): x Phi(x) with the normal
// distribution function Phi(x) = (1 + erf(x / sqrt 2)) / 2; or, with GeluApproximate::tanh, x (1 +
// tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.
Tensor gelu(const Tensor& x, GeluApproximate approximate = GeluApproximate::none);

}  // namespace papilio
