// The diagonal blocks of x^T g: what a rotation that mixes columns only within segments of w needs
// of it.
#pragma once

#include "kernels/declare.h"
#include "kernels/view.h"

namespace papilio {

// out[k, s w + j] = sum over rows r of x[r, s w + k] g[r, s w + j].
// x, g: (rows, d), out: (w, d) of the dtype x is computed in (float32 for 16-bit types);
// contiguous, d a multiple of w.
PAPILIO_KERNEL(void segment_outer(View out, ConstView x, ConstView g));

}  // namespace papilio
