// The passes that an adapted linear layer adds to its matrix products and rotations.
#pragma once

#include "kernels/view.h"

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

}  // namespace papilio::cuda
