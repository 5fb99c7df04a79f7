// AutoencoderKL: pictures to latents and back, in Stable Diffusion. Kingma and Welling:
// "Auto-encoding variational Bayes", 2014; Rombach and others, 2022, appendix G.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "nn/layers/conv2d.h"
#include "nn/layers/cross_attention.h"
#include "nn/layers/resnet_block2d.h"
#include "nn/models/pretrained_model.h"
#include "nn/models/unet_2d_blocks.h"
#include "tensor/random.h"

namespace papilio::nn {

// Diffusers' fields; every block is a DownEncoderBlock2D or an UpDecoderBlock2D.
struct AutoencoderKLConfig {
  int64_t in_channels = 3, out_channels = 3;
  std::vector<int64_t> block_out_channels{64};
  int64_t layers_per_block = 1;
  int64_t latent_channels = 4;
  int64_t norm_num_groups = 32;
  int64_t sample_size = 32;
  double scaling_factor = 0.18215;  // a UNet's latents are this times a VAE's
  bool use_quant_conv = true, use_post_quant_conv = true;
  bool mid_block_add_attention = true;

  // Pixels, in one direction, of one latent.
  int64_t pixels_of_latent() const { return int64_t(1) << (block_out_channels.size() - 1); }
};

// x + attention(norm(x)) over the pixels, one head. x: (B, C, H, W).
struct VaeAttention : Module {
  GroupNorm group_norm;
  CrossAttention attention;

  VaeAttention(int64_t channels, int64_t groups);
  Tensor operator()(const Tensor& x);
  void visit(Visitor& v) override;
  std::string describe() const override { return "VaeAttention"; }
};

// Diffusers' UNetMidBlock2D: ResNet, attention, ResNet.
struct VaeMidBlock : Module {
  std::vector<ResnetBlock2D> resnets;
  std::unique_ptr<VaeAttention> attention;

  VaeMidBlock(const ResnetBlock2DOptions& resnet, bool attends);
  Tensor operator()(const Tensor& x);
  void visit(Visitor& v) override;
  std::string describe() const override { return "VaeMidBlock"; }
};

// (B, in_channels, H, W) -> (B, 2 latent_channels, h, w).
struct VaeEncoder : Module {
  Conv2d conv_in;
  std::vector<UNetDownBlock> down_blocks;
  VaeMidBlock mid_block;
  GroupNorm conv_norm_out;
  Conv2d conv_out;

  explicit VaeEncoder(const AutoencoderKLConfig& config);
  Tensor operator()(const Tensor& x);
  void visit(Visitor& v) override;
  std::string describe() const override { return "VaeEncoder"; }
};

// (B, latent_channels, h, w) -> (B, out_channels, H, W).
struct VaeDecoder : Module {
  Conv2d conv_in;
  VaeMidBlock mid_block;
  std::vector<UNetUpBlock> up_blocks;
  GroupNorm conv_norm_out;
  Conv2d conv_out;

  explicit VaeDecoder(const AutoencoderKLConfig& config);
  Tensor operator()(const Tensor& z);
  void visit(Visitor& v) override;
  std::string describe() const override { return "VaeDecoder"; }
};

// A normal distribution of latents, independent of each other: both (B, latent_channels, h, w).
struct LatentDistribution {
  Tensor mean, log_variance;  // the latter in [-30, 20]

  // mean + exp(log_variance / 2) noise.
  Tensor sample(Generator& generator = default_generator()) const;
  // The divergence from N(0, 1) of each image: sum of (mean^2 + variance - 1 - log_variance) / 2:
  // (B).
  Tensor kl() const;
};

// Pictures to latents and back, from samples of the encoder's distribution (Kingma and Welling,
// arXiv 1312.6114; Rombach and others, arXiv 2112.10752).
struct AutoencoderKL : PretrainedModel {
  AutoencoderKLConfig config;
  VaeEncoder encoder;
  VaeDecoder decoder;
  std::unique_ptr<Conv2d> quant_conv, post_quant_conv;

  // Throws ArgumentError for sizes that contradict each other.
  explicit AutoencoderKL(const AutoencoderKLConfig& config);
  // Pictures in [-1, 1], (B, in_channels, H, W), H and W multiples of pixels_of_latent().
  LatentDistribution encode(const Tensor& images);
  // Latents to pictures; the scaling factor is the caller's affair, as in Diffusers.
  Tensor decode(const Tensor& latents);
  ConfigFields config_fields() const override;
  std::string weights_name() const override { return "diffusion_pytorch_model"; }
  // Old files call to_q, to_k, to_v and to_out.0: query, key, value and proj_attn.
  void before_loading(StateDict& tensors) override;
  void visit(Visitor& v) override;
  std::string describe() const override { return "AutoencoderKL"; }
};

// A config.json's configuration, and the model in a folder: as of the UNet
// (nn/models/unet_2d_condition.h).
AutoencoderKLConfig read_vae_config(JsonFields& fields);
std::unique_ptr<AutoencoderKL> load_vae(const std::filesystem::path& folder,
                                        std::vector<std::string>& warnings,
                                        const std::string& variant = "");

}  // namespace papilio::nn
