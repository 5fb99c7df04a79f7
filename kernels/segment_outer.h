// The diagonal blocks of x^T g: what a rotation that mixes columns only within segments of w needs
// of it.
#pragma once

#include "kernels/view.h"

namespace papilio::cpu {

// out[k, s w + j] = sum over rows r of x[r, s w + k] g[r, s w + j].
// x, g: (rows, d), out: (w, d) of the dtype x is computed in (float32 for 16-bit types);
// contiguous, d a multiple of w.
void segment_outer(View out, ConstView x, ConstView g);

}  // namespace papilio::cpu

namespace papilio::cuda {

PAPILIO_CUDA void segment_outer(View out, ConstView x, ConstView g);

}  // namespace papilio::cuda
