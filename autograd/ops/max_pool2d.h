// Pooling by the largest element.
#pragma once

#include "kernels/max_pool2d.h"
#include "tensor/tensor.h"

namespace papilio {

// y[b, c, p, q] = max over i, j of x[b, c, p s + i - pad, q s + j - pad] inside the image, as
// PyTorch computes it (floor mode; a NaN is larger than everything). x: (B, C, H, W) floating; y:
// (B, C, OH, OW), OH = (H + 2 padding - kernel) / stride + 1, rounded down. Gradient: dy to the
// first of the largest elements. Throws for a kernel larger than the padded image, a padding above
// half the kernel, and images of 2^31 pixels and more.
Tensor max_pool2d(const Tensor& x, const MaxPool2dOptions& options = {});

}  // namespace papilio
