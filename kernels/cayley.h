// Cayley transform of a batch of matrices: S = (R - R^T) / 2, Q = (I - S)(I + S)^-1 = 2 (I + S)^-1
// - I.
#pragma once

#include "kernels/declare.h"
#include "kernels/view.h"

namespace papilio {

// r, q: (..., b, b), contiguous, one floating dtype (16-bit types are computed in float32).
// R = 0 gives exactly the identity, without a negative zero.
PAPILIO_KERNEL(void cayley(View q, ConstView r));

// dr from dq and the forward's q, without another inversion:
//   dS = -1/2 (I + Q)^T dQ (I + Q)^T,   dR = (dS - dS^T) / 2
PAPILIO_KERNEL(void cayley_backward(View dr, ConstView dq, ConstView q));

}  // namespace papilio
