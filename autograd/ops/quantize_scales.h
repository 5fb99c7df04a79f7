// Double quantisation of weights in 4 bits (QLoRA: arXiv 2305.14314).
#pragma once

#include "autograd/ops/quantized_linear.h"

namespace papilio {

// The same codes with their scales as codes, too: absmax_b - nested_offset in blocks of
// nested_block_size by the table of bitsandbytes (or w's own nested_table), nested_offset the mean
// of absmax. With the bits of bitsandbytes 0.50's CPU build on one thread: a mean of more than
// 32,768 scales depends on their number there. No gradient. Throws ArgumentError unless w is of 4
// bits with its scales as float32.
QuantizedMatrix quantize_scales(const QuantizedMatrix& w);

}  // namespace papilio
