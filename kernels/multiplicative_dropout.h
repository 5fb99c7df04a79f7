// The blocks that multiplicative dropout replaces.
#pragma once

#include "kernels/view.h"

namespace papilio::cpu {

// q[factor, blocks[k]] = diagonal I for every k, in place. q: (m, N, b, b) floating; factor: one
// int64, blocks: (count) int64, no block twice; contiguous.
void replace_blocks(View q, ConstView factor, ConstView blocks, double diagonal);

}  // namespace papilio::cpu

namespace papilio::cuda {

PAPILIO_CUDA void replace_blocks(View q, ConstView factor, ConstView blocks, double diagonal);

}  // namespace papilio::cuda
