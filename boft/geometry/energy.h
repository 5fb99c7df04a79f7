// The quantity that a rotation of all rows leaves unchanged: the method's reason.
#pragma once

#include "tensor/tensor.h"

namespace papilio::boft {

// Hyperspherical energy of W's rows (arXiv 2306.07280, equation 1): sum over i != j of 1 /
// |w_i/|w_i| - w_j/|w_j||. W: (out, d), computed in float64. Rows that are zero have no direction
// and are left out; equal directions give infinity. A rotation of all rows and a positive scale of
// each leave it unchanged.
double hyperspherical_energy(const Tensor& w);

}  // namespace papilio::boft
