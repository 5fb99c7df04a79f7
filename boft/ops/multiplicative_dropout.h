// Dropout for products of rotations.
#pragma once

#include "tensor/random.h"

namespace papilio {

// Training only: in one factor, drawn uniformly, exactly int(p N) blocks, drawn without
// replacement, become the identity. q: (m, N, b, b) as butterfly_rotation takes it. Nothing is
// rescaled: the identity is a rotation too. p N below 1 drops nothing. Replaced blocks get no
// gradient. Throws for p outside [0, 1]. Source: BOFT paper (arXiv 2311.06243), section 4.
Tensor multiplicative_dropout(const Tensor& q, double p, bool training,
                              Generator& generator = default_generator());

}  // namespace papilio
