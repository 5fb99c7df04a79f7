// Rows times a chain of reflections: y = x H_1 H_2 ... H_r, H_k = I - 2 v_k v_k^T, v_k = u_k /
// |u_k| (Householder reflection adaptation, arXiv 2405.17484).
//
// x, y: (rows, d), u: (r, d), a vector a row, of any length but 0; contiguous, one floating dtype
// (16-bit types are computed in float32, unit vectors and all). `reversed`: y = x H_r ... H_2 H_1,
// the transpose.
#pragma once

#include "kernels/declare.h"
#include "kernels/view.h"

namespace papilio {

// y may be x.
PAPILIO_KERNEL(void householder(View y, ConstView x, ConstView u, bool reversed));

// dx and du from the forward's x; a view whose data is null is not computed. A reflection is its
// own inverse, so that the way back recovers every row between two of them:
//   c = y_k v_k,  y_{k-1} = y_k - 2 c v_k,  a = g_k v_k,  dv_k = -2 sum_rows (a y_{k-1} - c g_k),
//   g_{k-1} = g_k - 2 a v_k;   du_k = (dv_k - (dv_k v_k) v_k) / |u_k|.
// Rows are summed in a fixed order.
PAPILIO_KERNEL(void householder_backward(View dx, View du, ConstView dy, ConstView x, ConstView u,
                                         bool reversed));

}  // namespace papilio
