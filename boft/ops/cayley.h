// From any square matrix to a rotation.
#pragma once

#include "tensor/tensor.h"

namespace papilio {

// Cayley transform Q = (I - S)(I + S)^-1 of the skew-symmetric S = (R - R^T) / 2: Q^T Q = I and det
// Q = +1 for every R, and R = 0 gives exactly I. r: (..., b, b), Q: the same shape. 16-bit types
// are computed in float32. Gradient: dS = -1/2 (I + Q)^T dQ (I + Q)^T, dR = (dS - dS^T) / 2; only Q
// is saved. BOFT paper (arXiv 2311.06243), section 3; OFT paper (arXiv 2306.07280), section 3.3.
Tensor cayley(const Tensor& r);

}  // namespace papilio
