// The largest element of each window of an image.
#pragma once

#include "kernels/conv2d.h"
#include "kernels/declare.h"
#include "kernels/view.h"

namespace papilio {

struct MaxPool2dOptions {
  Pair kernel_size = 2;
  Pair stride = 2;
  Pair padding = 0;  // on both sides, of elements that are never the largest
};

// x: (B, C, H, W), y: (B, C, OH, OW), index: y's shape, int32: where in its channel (h W + w) the
// first largest element, or the first NaN, of each window lies. All contiguous.
PAPILIO_KERNEL(void max_pool2d(View y, View index, ConstView x, const MaxPool2dOptions& options));
// dx: zero if nothing was chosen; windows that overlap add up, in order.
PAPILIO_KERNEL(void max_pool2d_backward(View dx, ConstView dy, ConstView index,
                                        const MaxPool2dOptions& options));

}  // namespace papilio
