// ResnetBlock2D: the convolutions of a UNet and of a VAE.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "nn/layers/block.h"
#include "nn/layers/conv2d.h"
#include "nn/layers/dropout.h"
#include "nn/layers/group_norm.h"
#include "nn/layers/linear.h"

namespace papilio::nn {

// Sizes and rates of a ResnetBlock2D.
struct ResnetBlock2DOptions {
  int64_t in_channels, out_channels;
  int64_t temb_channels = 0;  // 0: no time embedding
  int64_t groups = 32;
  double eps = 1e-5;
  double dropout = 0;
  double output_scale_factor = 1;
};

// Diffusers' ResnetBlock2D: h = conv1(silu(norm1(x))) + time_emb_proj(silu(temb)), then
// (shortcut(x) + conv2(dropout(silu(norm2(h))))) / output_scale_factor; the shortcut is a 1x1
// convolution if the channels differ. x: (B, in, H, W) -> (B, out, H, W), temb: (B, temb_channels)
// or undefined.
struct ResnetBlock2D : Block {
  GroupNorm norm1;
  Conv2d conv1;
  std::unique_ptr<Linear> time_emb_proj;
  GroupNorm norm2;
  Dropout dropout;
  Conv2d conv2;
  std::unique_ptr<Conv2d> conv_shortcut;
  double output_scale_factor;

  explicit ResnetBlock2D(const ResnetBlock2DOptions& options);
  Tensor operator()(const Tensor& x, const Tensor& temb = {});
  void visit(Visitor& v) override;
  std::string describe() const override { return "ResnetBlock2D"; }

 private:
  Tensor compute(const Tensor& x, const Tensor& temb);
};

}  // namespace papilio::nn
