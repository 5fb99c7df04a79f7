// Two-dimensional convolution (cross-correlation, as in every deep-learning library).
#pragma once

#include <cstdint>

#include "kernels/declare.h"
#include "kernels/view.h"

namespace papilio {

// One number for both directions, or {height, width}.
struct Pair {
  int64_t h, w;
  constexpr Pair(int64_t both) : h(both), w(both) {}
  constexpr Pair(int64_t height, int64_t width) : h(height), w(width) {}
  bool operator==(const Pair&) const = default;
};

// The options of PyTorch's conv2d.
struct Conv2dOptions {
  Pair stride = 1;
  Pair padding = 0;  // zeros on both sides
  Pair dilation = 1;
  int64_t groups = 1;  // group g sees input channels [g C / groups, (g + 1) C / groups)
};

// y = conv(x, w) + bias. x: (B, C, H, W), w: (O, C / groups, kh, kw), bias: (O) or no data,
// y: (B, O, OH, OW); all contiguous. No buffer grows with the batch.
PAPILIO_KERNEL(void conv2d(View y, ConstView x, ConstView w, ConstView bias,
                           const Conv2dOptions& options));
// dx from dy. Every element is summed by one thread in a fixed order.
PAPILIO_KERNEL(void conv2d_backward_input(View dx, ConstView dy, ConstView w,
                                          const Conv2dOptions& options));
// dw from dy: each thread sums its share of the images, then the shares are added in order.
PAPILIO_KERNEL(void conv2d_backward_weight(View dw, ConstView dy, ConstView x,
                                           const Conv2dOptions& options));

}  // namespace papilio
