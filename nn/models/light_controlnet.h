// What turns a picture into something that steers a UNet: a part of ControlNet (Zhang and others,
// arXiv 2302.05543), enough if the UNet itself is adapted (Qiu and others, arXiv 2306.07280,
// section 4.2).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "nn/layers/conv2d.h"
#include "nn/module.h"

namespace papilio::nn {

// Sizes, with ControlNet's defaults.
struct LightControlNetConfig {
  int64_t conditioning_channels = 3;
  // A stride of 2 between any two of them: three for a VAE of 8 pixels a latent.
  std::vector<int64_t> block_out_channels{16, 32, 96, 256};
  int64_t out_channels = 320;  // of the UNet's conv_in

  // Pixels, in one direction, of one latent.
  int64_t pixels_of_latent() const { return int64_t(1) << (block_out_channels.size() - 1); }
};

// conv_in, a pair of convolutions for each stride, conv_out, which is zero at the start; SiLU
// between them. (B, conditioning_channels, H, W) -> (B, out_channels, h, w).
struct ControlNetConditioningEmbedding : Module {
  Conv2d conv_in;
  std::vector<Conv2d> blocks;
  Conv2d conv_out;

  explicit ControlNetConditioningEmbedding(const LightControlNetConfig& config);
  Tensor operator()(const Tensor& conditioning);
  void visit(Visitor& v) override;
  std::string describe() const override { return "ControlNetConditioningEmbedding"; }
};

// Parameters are named as in PEFT's example boft_controlnet.
struct LightControlNet : Module {
  LightControlNetConfig config;
  ControlNetConditioningEmbedding controlnet_cond_embedding;

  // Throws ArgumentError for sizes below 1.
  explicit LightControlNet(const LightControlNetConfig& config);
  // Pictures in [0, 1], (B, conditioning_channels, H, W) -> what the UNet adds behind conv_in.
  Tensor operator()(const Tensor& conditioning) { return controlnet_cond_embedding(conditioning); }
  void visit(Visitor& v) override { v("controlnet_cond_embedding", controlnet_cond_embedding); }
  std::string describe() const override { return "LightControlNet"; }
};

// folder/model.safetensors, from whose shapes the sizes follow, as that example has it. Throws
// FileError.
std::unique_ptr<LightControlNet> load_light_controlnet(const std::filesystem::path& folder);
// Writes it, atomically; the folder is made if it is missing.
void save_light_controlnet(LightControlNet& model, const std::filesystem::path& folder);

}  // namespace papilio::nn
