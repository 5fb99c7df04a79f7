// Downsample2D: half as many pixels a side, in a UNet or a VAE.
#pragma once

#include <cstdint>
#include <string>

#include "nn/layers/conv2d.h"

namespace papilio::nn {

// Diffusers' Downsample2D: a 3x3 convolution with stride 2. x: (B, C, H, W) -> (B, C, H / 2, W /
// 2), rounded up with `padding` zeros on all sides; padding 0, the VAE's, means one row of zeros
// below and one column at the right, and rounds down.
struct Downsample2D : Module {
  Conv2d conv;

  // Throws ArgumentError for a padding below 0.
  Downsample2D(int64_t channels, int64_t padding);
  Tensor operator()(const Tensor& x);
  void visit(Visitor& v) override;
  std::string describe() const override { return "Downsample2D"; }
};

}  // namespace papilio::nn
