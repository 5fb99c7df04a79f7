// Quantities that show what a rotation does and does not change.
#pragma once

#include <vector>

#include "tensor/tensor.h"

namespace papilio::boft {

// Hyperspherical energy of W's rows (arXiv 2306.07280, equation 1): sum over i != j of 1 /
// |w_i/|w_i| - w_j/|w_j||. W: (out, d), computed in float64. Rows that are zero have no direction
// and are left out; equal directions give infinity. A rotation of all rows and a positive scale of
// each leave it unchanged.
double hyperspherical_energy(const Tensor& w);

// Angles between all pairs of W's rows i < j, in radians.
std::vector<double> pairwise_angles(const Tensor& w);

// max |Q Q^T - I| over all matrices of q: (..., n, n).
double orthogonality_error(const Tensor& q);

// Rotation angles of every matrix of q (..., n, n), in radians in [0, pi], one for each
// eigen-plane: n / 2 a matrix (an odd n leaves one axis in place, which is not listed), largest
// first.
std::vector<double> rotation_angles(const Tensor& q);

// Eigenvalues of the symmetric matrix a (n, n), ascending (cyclic Jacobi rotations in float64).
std::vector<double> symmetric_eigenvalues(const Tensor& a);

// Singular values of W (out, d), descending, min(out, d) of them; relative error about 1e-8 of the
// largest.
std::vector<double> singular_values(const Tensor& w);

}  // namespace papilio::boft
