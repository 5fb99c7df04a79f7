// UNet2DConditionModel: what denoises latents in Stable Diffusion. Rombach and others:
// "High-resolution image synthesis with latent diffusion models", 2022.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "nn/layers/conv2d.h"
#include "nn/layers/timestep_embedding.h"
#include "nn/models/pretrained_model.h"
#include "nn/models/unet_2d_blocks.h"

namespace papilio::nn {

// Diffusers' fields and defaults. Lists have an entry for each block, down's order.
struct UNet2DConditionConfig {
  int64_t sample_size = 64;  // of latents, height and width; any other works too
  int64_t in_channels = 4, out_channels = 4;
  bool center_input_sample = false;  // 2 x - 1 at the door
  bool flip_sin_to_cos = true;
  double freq_shift = 0;
  std::vector<std::string> down_block_types{"CrossAttnDownBlock2D", "CrossAttnDownBlock2D",
                                            "CrossAttnDownBlock2D", "DownBlock2D"};
  std::vector<std::string> up_block_types{"UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D",
                                          "CrossAttnUpBlock2D"};
  std::vector<int64_t> block_out_channels{320, 640, 1280, 1280};
  std::vector<int64_t> layers_per_block{2, 2, 2, 2};
  int64_t downsample_padding = 1;
  double mid_block_scale_factor = 1;
  double dropout = 0;
  int64_t norm_num_groups = 32;
  double norm_eps = 1e-5;
  std::vector<int64_t> cross_attention_dim{1280, 1280, 1280, 1280};
  std::vector<int64_t> transformer_layers_per_block{1, 1, 1, 1};
  std::vector<int64_t> attention_head_dim{8, 8, 8, 8};  // the number of heads, whatever its name
  bool use_linear_projection = false;
};

// The U-Net of latent diffusion, which sees a text by cross attention (Rombach and others, arXiv
// 2112.10752).
struct UNet2DConditionModel : PretrainedModel {
  UNet2DConditionConfig config;
  Conv2d conv_in;
  TimestepEmbedding time_embedding;
  std::vector<UNetDownBlock> down_blocks;
  std::unique_ptr<UNetMidBlock2DCrossAttn> mid_block;
  std::vector<UNetUpBlock> up_blocks;
  GroupNorm conv_norm_out;
  Conv2d conv_out;

  // Throws ArgumentError for sizes that contradict each other.
  explicit UNet2DConditionModel(const UNet2DConditionConfig& config);
  // What the sample's noise is, or what the scheduler's prediction_type says. sample: (B,
  // in_channels, H, W), timesteps: (B) or (1), int64 or floating, context: (B, S,
  // cross_attention_dim); result: (B, out_channels, H, W). `control`, (B, block_out_channels[0], H,
  // W), is added behind conv_in.
  Tensor operator()(const Tensor& sample, const Tensor& timesteps, const Tensor& context,
                    const Tensor& control = {});
  ConfigFields config_fields() const override;
  std::string weights_name() const override { return "diffusion_pytorch_model"; }
  void visit(Visitor& v) override;
  std::string describe() const override { return "UNet2DConditionModel"; }
};

// A config.json's configuration; keys that are missing take Diffusers' defaults. Throws FileError
// that names the key for wrong types, and for settings that would change the computation in a way
// this model does not have (SDXL's among them).
UNet2DConditionConfig read_unet_config(JsonFields& fields);
// The model in a folder, with its weights; warnings one line each.
std::unique_ptr<UNet2DConditionModel> load_unet(const std::filesystem::path& folder,
                                                std::vector<std::string>& warnings,
                                                const std::string& variant = "");

}  // namespace papilio::nn
