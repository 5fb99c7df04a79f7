// Matrices and what lies above their diagonals, row by row: entry (i, j), i < j, of a (b, b) matrix
// is entry upper_place(i, j, b) of b (b - 1) / 2. a: (count, b, b), upper: (count, b (b - 1) / 2),
// contiguous, one floating dtype.
#pragma once

#include <cstdint>

#include "kernels/declare.h"
#include "kernels/view.h"

namespace papilio {

PAPILIO_HOST_DEVICE inline int64_t upper_place(int64_t i, int64_t j, int64_t b) {
  return i * (2 * b - i - 1) / 2 + j - i - 1;
}

// a[i, j] = upper; below the diagonal a[j, i] = -upper if `skew`, else 0; 0 on it.
PAPILIO_KERNEL(void unpack_upper(View a, ConstView upper, bool skew));
// upper = a[i, j], or a[i, j] - a[j, i] if `skew`: the gradient of unpack_upper.
PAPILIO_KERNEL(void pack_upper(View upper, ConstView a, bool skew));

}  // namespace papilio
