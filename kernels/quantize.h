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
// The same, a byte a code: codes: (n), table: (256) float32 in ascending order.
void quantize_8bit(View codes, View absmax, ConstView x, ConstView table, int64_t block_size);

// Each row of x divided by its largest magnitude (scale), times 127, rounded to nearest even.
// x: (R, C) float32, finite; scale: (R) float32; codes: (R, C) signed bytes (as uint8).
void quantize_rows(View codes, View scale, ConstView x);

}  // namespace papilio::cpu
