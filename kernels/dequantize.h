// Numbers out of their codes, as bitsandbytes' quantised weights have them.
#pragma once

#include <cstdint>

#include "kernels/declare.h"
#include "kernels/view.h"

namespace papilio {

// A range of a weight whose codes stand for values of a table, block by block.
struct BlockCodes {
  ConstView codes;                    // uint8, of the whole weight
  ConstView absmax;                   // float32, of each block
  ConstView table;                    // float32, (16) or (256)
  int64_t block_size;                 // elements
  int64_t first = 0;                  // of the range
  DType rounded_to = DType::float32;  // what values are rounded to on their way to y
};

// y_i = table[code of element first + i] absmax[(first + i) / block_size], computed in float32.
// y: (n) contiguous, of any floating dtype; a code of 4 bits, the even element's in the upper half
// of a byte.
PAPILIO_KERNEL(void dequantize_4bit(View y, const BlockCodes& from));
// The same of codes that are bytes.
PAPILIO_KERNEL(void dequantize_8bit(View y, const BlockCodes& from));

// y_rc = code_rc scale_r / 127, computed in float32. y: (R, C) contiguous, of any floating dtype;
// codes: (R, C) signed bytes (as uint8); scale: (R) float32.
PAPILIO_KERNEL(void dequantize_rows(View y, ConstView codes, ConstView scale));

// 1 / 127 as bitsandbytes has it.
inline constexpr float kPerInt8 = 7.874015718698502e-3F;

}  // namespace papilio
