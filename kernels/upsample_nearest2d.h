// Images of more pixels, each the nearest of x: the opposite of a stride.
#pragma once

#include "kernels/declare.h"
#include "kernels/view.h"

namespace papilio {

// y[b, c, p, q] = x[b, c, floor(p H / OH), floor(q W / OW)]. x: (B, C, H, W), y: (B, C, OH, OW),
// both contiguous.
PAPILIO_KERNEL(void upsample_nearest2d(View y, ConstView x));
// dx: the sum of the dy that came from each pixel, in order.
PAPILIO_KERNEL(void upsample_nearest2d_backward(View dx, ConstView dy));

}  // namespace papilio
