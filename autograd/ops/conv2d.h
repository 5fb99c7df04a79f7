// Two-dimensional convolution.
#pragma once

#include "kernels/conv2d.h"
#include "tensor/tensor.h"

namespace papilio {

// y[b, o, p, q] = bias[o] + sum over c, i, j of W[o, c, i, j] x[b, c', p s + i d - pad, q s + j d -
// pad] with zeros outside the image (cross-correlation, as in PyTorch); c' is channel c of o's
// group. x: (B, C, H, W), weight: (O, C / groups, kh, kw), bias: (O) or undefined; y: (B, O, OH,
// OW), OH = (H + 2 padding - dilation (kh - 1) - 1) / stride + 1, rounded down. One floating dtype;
// bfloat16 and float16 are summed in float32. conv2d(x, w, b, {.stride = 2, .padding = {1, 0}}).
//
// Patches that do not overlap (kernel = stride, no padding: a ViT's patch embedding) take one
// matrix product; y then lies in memory as (B, OH, OW, O), so that flattening it into tokens is
// free. Gradients with respect to x, weight and bias.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
              const Conv2dOptions& options = {});

}  // namespace papilio
