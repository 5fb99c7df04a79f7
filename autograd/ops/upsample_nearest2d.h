// Enlarging images by repeating their pixels.
#pragma once

#include "kernels/conv2d.h"
#include "tensor/tensor.h"

namespace papilio {

// y[b, c, p, q] = x[b, c, floor(p H / OH), floor(q W / OW)], as PyTorch's interpolate with
// mode="nearest" (whose float32 quotients may fall one pixel short at sizes that are no whole
// multiples). x: (B, C, H, W) floating, `size`: (OH, OW), at least x's; y: (B, C, OH, OW).
// Gradient: the sum of the dy that each pixel became. Throws for smaller sizes and empty images.
Tensor upsample_nearest2d(const Tensor& x, Pair size);

}  // namespace papilio
