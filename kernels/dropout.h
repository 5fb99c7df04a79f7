// Dropout whose mask is a function of (seed, offset, place): nothing is stored, the backward pass
// makes it again.
#pragma once

#include <cstdint>

#include "kernels/declare.h"
#include "kernels/view.h"

namespace papilio {

// y_i = 0 if word offset + i of the seed's Philox stream falls below p, x_i / (1 - p) elsewhere.
// Contiguous; offset is a multiple of 4. The gradient is the same function of dy.
PAPILIO_KERNEL(void dropout(View y, ConstView x, double p, uint64_t seed, uint64_t offset));

}  // namespace papilio
