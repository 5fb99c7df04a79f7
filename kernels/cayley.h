// Cayley transform of a batch of matrices: S = (R - R^T) / 2, Q = (I - S)(I + S)^-1 = 2 (I + S)^-1
// - I.
#pragma once

#include "kernels/view.h"

namespace papilio::cpu {

// r, q: (..., b, b), contiguous, one floating dtype (16-bit types are computed in float32).
// R = 0 gives exactly the identity, without a negative zero.
void cayley(View q, ConstView r);

// dr from dq and the forward's q, without another inversion:
//   dS = -1/2 (I + Q)^T dQ (I + Q)^T,   dR = (dS - dS^T) / 2
void cayley_backward(View dr, ConstView dq, ConstView q);

}  // namespace papilio::cpu

namespace papilio::cuda {

PAPILIO_CUDA void cayley(View q, ConstView r);
PAPILIO_CUDA void cayley_backward(View dr, ConstView dq, ConstView q);

}  // namespace papilio::cuda
