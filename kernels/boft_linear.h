// The passes that an adapted linear layer adds to its matrix products and rotations.
#pragma once

#include "kernels/declare.h"
#include "kernels/view.h"

namespace papilio {

// Whether y = s z + bias keeps the digits of z: |s z|, `mean` over a column, must not be small
// beside |bias| and beside the smallest normal number of y's dtype.
PAPILIO_HOST_DEVICE constexpr bool keeps_digits(double mean, double bias, DType dtype) {
  return mean > (dtype == DType::float16 ? 6e-2 : 1e-30) && mean > (bias < 0 ? -bias : bias) / 16;
}

// Row i of w times s[i], in place. w: (out, d), s: out values; contiguous, one floating dtype.
PAPILIO_KERNEL(void scale_rows(View w, ConstView s));

// Column j of y times s[j], plus bias[j] unless it has no data, in place. y: (rows, out).
PAPILIO_KERNEL(void scale_columns(View y, ConstView s, ConstView bias));

// Sums over rows r, for each column j, in one pass over g and y:
//   sums[0, j] = sum of g[r, j] (y[r, j] - bias[j]),   sums[1, j] = sum of |y[r, j] - bias[j]|,
//   sums[2, j] = sum of g[r, j].
// g, y: (rows, out), bias: out values or no data (0), of one floating dtype; sums: (3, out), of the
// dtype they are computed in (float32 for 16-bit types); contiguous. Fixed order: the same bits
// whatever the number of threads.
PAPILIO_KERNEL(void scale_gradient_sums(View sums, ConstView g, ConstView y, ConstView bias));

// ds[j] = sum over r of g[r, j] z[r, j], z = (y - bias) / s as `sums` has it if that keeps z's
// digits (keeps_digits), else z = x (w R^T)^T.
struct ScaleGradient {
  View ds;            // out values
  ConstView sums;     // (3, out), of g, y and bias as scale_gradient_sums makes them
  ConstView s, bias;  // out values; bias may have no data
  ConstView g, x;     // (rows, out), (rows, d)
  ConstView w, q;     // (out, d); (m, d/b, b, b), R's blocks
};
// ds, s, w and q have one dtype, g, x and bias that or a 16-bit one; contiguous, but for w on the
// CPU.
PAPILIO_KERNEL(void scale_gradient(const ScaleGradient& args));

}  // namespace papilio
