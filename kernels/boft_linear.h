// The passes that an adapted linear layer adds to its matrix products and rotations.
#pragma once

#include "kernels/view.h"

namespace papilio {

// Whether y = s z + bias keeps the digits of z: |s z|, `mean` over a column, must not be small
// beside |bias| and beside the smallest normal number of y's dtype.
PAPILIO_HOST_DEVICE constexpr bool keeps_digits(double mean, double bias, DType dtype) {
  return mean > (dtype == DType::float16 ? 6e-2 : 1e-30) && mean > (bias < 0 ? -bias : bias) / 16;
}

}  // namespace papilio

namespace papilio::cpu {

// Row i of w times s[i], in place. w: (out, d), s: out values; contiguous, one floating dtype.
void scale_rows(View w, ConstView s);

// Column j of y times s[j], plus bias[j] unless it has no data, in place. y: (rows, out).
void scale_columns(View y, ConstView s, ConstView bias);

// Sums over rows r, for each column j, in one pass over g and y:
//   sums[0, j] = sum of g[r, j] (y[r, j] - bias[j]),   sums[1, j] = sum of |y[r, j] - bias[j]|,
//   sums[2, j] = sum of g[r, j].
// g, y: (rows, out), bias: out values or no data (0), of one floating dtype; sums: (3, out), of the
// dtype they are computed in (float32 for 16-bit types); contiguous. Fixed order: the same bits
// whatever the number of threads.
void scale_gradient_sums(View sums, ConstView g, ConstView y, ConstView bias);

}  // namespace papilio::cpu

namespace papilio::cuda {

PAPILIO_CUDA void scale_rows(View w, ConstView s);
PAPILIO_CUDA void scale_columns(View y, ConstView s, ConstView bias);
PAPILIO_CUDA void scale_gradient_sums(View sums, ConstView g, ConstView y, ConstView bias);

// ds[j] = sum over r of g[r, j] z[r, j], z = (y - bias) / s as `sums` has it where that keeps z's
// digits (keeps_digits), else z = x (w R^T)^T. sums: of g, y and bias; g: (rows, out), x: (rows,
// d), w: (out, d), q: (m, d/b, b, b), R's blocks; ds, s, w and q of one dtype, g, x and bias of
// that or of 16 bits; contiguous.
PAPILIO_CUDA void scale_gradient(View ds, ConstView sums, ConstView s, ConstView bias, ConstView g,
                                 ConstView x, ConstView w, ConstView q);

}  // namespace papilio::cuda
