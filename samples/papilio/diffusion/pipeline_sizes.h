// The sizes of a small Stable Diffusion of one's own, and of what steers it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/diffusion/pipeline.h"
#include "nn/diffusion/pipeline_pretraining.h"
#include "nn/models/light_controlnet.h"

namespace papilio::cli {

// Those that suit drawn pictures of 32 x 32 pixels on two cores.
struct PipelineSizes {
  // All blocks of the UNet but the last attend to the caption; each of the VAE's but the first
  // halves the sides of latents.
  std::vector<int64_t> unet_channels{64, 128}, vae_channels{16, 32};
  int64_t latent_channels = 4, layers_per_block = 1, heads = 4;
  int64_t text_width = 64, text_layers = 2, max_tokens = 32;

  // Pixels of a picture's side that the UNet can halve as often as it does are multiples of this.
  int64_t side_step() const;
};

// A pipeline of these sizes for pictures of so many pixels a side, and for so many tokens, whose
// scheduler is Stable Diffusion's.
nn::PipelineConfig pipeline_config(const PipelineSizes& sizes, int64_t side, int64_t tokens);

// A control of this pipeline's sizes: ControlNet's widths, from the first on.
nn::LightControlNetConfig control_config(const nn::DiffusionPipeline& pipeline);

}  // namespace papilio::cli
