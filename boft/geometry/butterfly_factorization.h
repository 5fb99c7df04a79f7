// Every orthogonal matrix is a product of butterflies: BOFT's Theorem 1 as a computation.
#pragma once

#include <vector>

#include "tensor/tensor.h"

namespace papilio::boft {

// Two butterflies of 2x2 blocks, (log2 d, d / 2, 2, 2) float64 each, orthogonal:
// x -> butterfly_rotation_transposed(butterfly_rotation(x, first), second).
struct ButterflyPair {
  Tensor first, second;
};

// Factors q: (log2 d, d / 2, 2, 2) of the butterfly that turns the row u: (d) to one axis,
// butterfly_rotation(u, q) = (|u|, 0, ..., 0): pairs of entries are turned until one is 0, level by
// level. Throws unless d is a power of two.
Tensor butterfly_to_axis(const Tensor& u);

// x R for the orthogonal r: (d, d), d a power of two, as at most d - 1 pairs, applied in their
// order. Each pair is one Householder reflection I - 2 u^T u = B D B^T, B turning u to an axis and
// D changing one sign; so one 2x2 block of each has determinant -1, which the Cayley transform
// alone does not reach. Source: BOFT paper (arXiv 2311.06243), Theorem 1 and appendix F, equation
// 5: any d (d - 1) / 2 angles are within reach of d - 1 pairs. Throws for a matrix that is not
// orthogonal to 1e-6.
std::vector<ButterflyPair> butterfly_pairs(const Tensor& r);

// What such pairs do to x: (..., d).
Tensor apply(const Tensor& x, const std::vector<ButterflyPair>& pairs);

}  // namespace papilio::boft
