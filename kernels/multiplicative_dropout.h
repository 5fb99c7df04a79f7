// The blocks that multiplicative dropout replaces.
#pragma once

#include "kernels/declare.h"
#include "kernels/view.h"

namespace papilio {

// q[factor, blocks[k]] = diagonal I for every k, in place. q: (m, N, b, b) floating; factor: one
// int64, blocks: (count) int64, no block twice; contiguous.
PAPILIO_KERNEL(void replace_blocks(View q, ConstView factor, ConstView blocks, double diagonal));

}  // namespace papilio
