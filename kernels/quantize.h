// Codes of numbers, as bitsandbytes' quantised weights have them: once a model, on the CPU.
#pragma once

#include <cstdint>

#include "kernels/view.h"

namespace papilio::cpu {

// Blocks of block_size elements of x, each divided by its largest magnitude (absmax): the code of
// an element is the place of the table's nearest value; halfway between two it is the lower one.
// x: (n) float32, finite; absmax: (blocks) float32; codes: ((n + 1) / 2) uint8, of an element of
// even number in the upper half; table: (16) float32 in any order.
void quantize_4bit(View codes, View absmax, ConstView x, ConstView table, int64_t block_size);
// The same, a byte a code, but each divided element is rounded to one of 65,536 levels of equal
// distance, -1 to 1, first, and the code is that level's (0 too: its level is 1.5e-5). codes: (n),
// table: (256) float32 in ascending order.
void quantize_8bit(View codes, View absmax, ConstView x, ConstView table, int64_t block_size);

// The 256 values that bitsandbytes' double quantisation takes for absmax - mean, and its 8-bit
// optimisers for moments, in ascending order: 0, 1, and for i = 0 ... 6 +- 10^(i - 6) times the
// middles of 2^i equal parts of [0.1, 1]; without a sign the middles of 2^(i + 1). With the bits of
// its create_dynamic_map (8 bits) where PyTorch has vectors. table: (256) float32.
void dynamic_table(View table, bool is_signed = true);
// The mean of x: (n) float32, 0 of none; added up as PyTorch's sum does on one thread, so that it
// has the bits of torch.mean.
float mean_of_scales(ConstView x);

// Each row of x times 127 divided by its largest magnitude (scale), rounded to nearest even.
// x: (R, C) float32, finite; scale: (R) float32; codes: (R, C) signed bytes (as uint8).
void quantize_rows(View codes, View scale, ConstView x);

}  // namespace papilio::cpu
