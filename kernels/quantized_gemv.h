// One row times a matrix of codes, of which no tile is written.
#pragma once

#include "kernels/dequantize.h"
#include "kernels/view.h"

namespace papilio::cpu {

// y_o = sum_i x_i w_oi + bias_o, w (out, in) as dequantize_4bit has it in x's dtype. y: (out), x:
// (in), bias: (out) or none; contiguous, of one floating dtype.
void gemv_4bit(View y, ConstView x, ConstView bias, const BlockCodes& w);
// The same of w as dequantize_rows has it. codes: (out, in) signed bytes (as uint8), scale: (out)
// float32.
void gemv_int8(View y, ConstView x, ConstView bias, ConstView codes, ConstView scale);

}  // namespace papilio::cpu
