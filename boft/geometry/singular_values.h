// Eigenvalues and singular values of small matrices, in float64.
#pragma once

#include <vector>

#include "tensor/tensor.h"

namespace papilio::boft {

// Eigenvalues of the symmetric matrix a (n, n), ascending; see symmetric_eigen.
std::vector<double> symmetric_eigenvalues(const Tensor& a);

// Singular values of W (out, d), descending, min(out, d) of them; relative error about 1e-8 of the
// largest.
std::vector<double> singular_values(const Tensor& w);

}  // namespace papilio::boft
