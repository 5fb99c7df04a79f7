// Upsample2D: twice as many pixels a side, in a UNet or a VAE.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "nn/layers/conv2d.h"

namespace papilio::nn {

// Diffusers' Upsample2D: every pixel becomes four, or as many as a given size asks for, and a 3x3
// convolution follows. x: (B, C, H, W) -> (B, C, 2 H, 2 W).
struct Upsample2D : Module {
  Conv2d conv;

  explicit Upsample2D(int64_t channels);
  Tensor operator()(const Tensor& x, std::optional<Pair> size = {});
  void visit(Visitor& v) override;
  std::string describe() const override { return "Upsample2D"; }
};

}  // namespace papilio::nn
