// Eigenvalues and eigenvectors of a symmetric matrix.
#pragma once

#include <vector>

#include "tensor/tensor.h"

namespace papilio {

// a = V diag(values) V^T.
struct SymmetricEigen {
  std::vector<double> values;  // ascending
  Tensor vectors;              // V (n, n) float64 on the CPU, a column each; undefined without
};

// Eigenvalues of the symmetric matrix a (n, n), with `vectors` its eigenvectors too, by cyclic
// Jacobi rotations in float64 on the CPU, O(n^3); without a gradient. Throws for another shape.
SymmetricEigen symmetric_eigen(const Tensor& a, bool vectors = true);

}  // namespace papilio
