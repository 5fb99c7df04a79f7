// Angles: between the rows of a weight, and of a rotation.
#pragma once

#include <vector>

#include "tensor/tensor.h"

namespace papilio::boft {

// Angles between all pairs of W's rows i < j, in radians.
std::vector<double> pairwise_angles(const Tensor& w);

// max |Q Q^T - I| over all matrices of q: (..., n, n).
double orthogonality_error(const Tensor& q);

// Rotation angles of every matrix of q (..., n, n), in radians in [0, pi], one for each
// eigen-plane: n / 2 a matrix (an odd n leaves one axis in place, which is not listed), largest
// first.
std::vector<double> rotation_angles(const Tensor& q);

}  // namespace papilio::boft
