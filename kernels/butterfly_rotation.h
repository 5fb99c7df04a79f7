// Rows times a butterfly product of block-diagonal matrices: y = x R, R = B_{m-1} ... B_1 B_0.
//
// x, y: (rows, d), q: (m, N, b, b) with d = N b; contiguous, one floating dtype (16-bit types are
// computed in float32). Cut the d coordinates into halves of h = b / 2. Block n of factor i acts on
// the half-blocks
//   lo = ((n >> i) << (i + 1)) | (n & (2^i - 1))   and   hi = lo + 2^i
// as v -> v Q_{i,n} on the row of b coordinates, lo's before hi's (odd b: m = 1, plain blocks).
// Coordinates mix only inside segments of w = b 2^(m-1) columns; the caller has checked that d is a
// multiple of w. Nothing here needs Q to be orthogonal.
#pragma once

#include <cstdint>

#include "kernels/declare.h"
#include "kernels/view.h"

namespace papilio {

// y = x R, or y = x R^T with `transposed`. y may be x.
PAPILIO_KERNEL(void butterfly_rotation(View y, ConstView x, ConstView q, bool transposed));

// dx = dy R^T and dq, from the forward's x; a view whose data is null is not computed.
PAPILIO_KERNEL(void butterfly_rotation_backward(View dx, View dq, ConstView dy, ConstView x,
                                                ConstView q));

// dq from the gradient of the collapsed segments. dr: (w, d), where dr[k, s w + j] belongs to entry
// (k, j) of segment s of R's diagonal: the form that segment_outer makes.
PAPILIO_KERNEL(void butterfly_segment_backward(View dq, ConstView dr, ConstView q));

}  // namespace papilio
