// The blocks that UNet2DConditionModel and AutoencoderKL are made of, with Diffusers' names.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nn/layers/downsample2d.h"
#include "nn/layers/resnet_block2d.h"
#include "nn/layers/transformer2d.h"
#include "nn/layers/upsample2d.h"

namespace papilio::nn {

// What a block on the way down or up is made of.
struct UNetBlockOptions {
  int64_t in_channels, out_channels;
  int64_t layers = 1;                               // ResNets
  bool resamples = true;                            // whether a Downsample2D or Upsample2D ends it
  ResnetBlock2DOptions resnet;                      // but for its channels
  std::optional<Transformer2DOptions> transformer;  // one behind each ResNet
};

// DownBlock2D; with transformers CrossAttnDownBlock2D; without time DownEncoderBlock2D. x: (B,
// in_channels, H, W) -> (B, out_channels, H / 2, W / 2).
struct UNetDownBlock : Module {
  std::vector<ResnetBlock2D> resnets;
  std::vector<Transformer2DModel> attentions;
  std::unique_ptr<Downsample2D> downsampler;

  UNetDownBlock(const UNetBlockOptions& options, int64_t downsample_padding);
  // Adds what every layer gave to `skips`, for the way up.
  Tensor operator()(const Tensor& x, const Tensor& temb, const Tensor& context,
                    std::vector<Tensor>& skips);
  void visit(Visitor& v) override;
  std::string describe() const override { return "UNetDownBlock"; }
};

// UpBlock2D; with transformers CrossAttnUpBlock2D; without skips UpDecoderBlock2D.
struct UNetUpBlock : Module {
  std::vector<ResnetBlock2D> resnets;
  std::vector<Transformer2DModel> attentions;
  std::unique_ptr<Upsample2D> upsampler;

  // `skip_channels`: those that lie on `skips` for each ResNet, the first one's first; none for the
  // VAE's decoder.
  UNetUpBlock(const UNetBlockOptions& options, const std::vector<int64_t>& skip_channels);
  // Takes a skip for each ResNet from the end of `skips`; `size`: what the upsampler makes, twice
  // x's if nothing is given.
  Tensor operator()(const Tensor& x, const Tensor& temb, const Tensor& context,
                    std::vector<Tensor>& skips, std::optional<Pair> size = {});
  void visit(Visitor& v) override;
  std::string describe() const override { return "UNetUpBlock"; }
};

// UNetMidBlock2DCrossAttn: ResNet, transformer, ResNet.
struct UNetMidBlock2DCrossAttn : Module {
  std::vector<ResnetBlock2D> resnets;
  std::vector<Transformer2DModel> attentions;

  UNetMidBlock2DCrossAttn(const ResnetBlock2DOptions& resnet,
                          const Transformer2DOptions& transformer);
  Tensor operator()(const Tensor& x, const Tensor& temb, const Tensor& context);
  void visit(Visitor& v) override;
  std::string describe() const override { return "UNetMidBlock2DCrossAttn"; }
};

}  // namespace papilio::nn
