#include "samples/papilio/diffusion/pipeline_sizes.h"

#include <algorithm>
#include <cstddef>

#include "nn/models/autoencoder_kl.h"
#include "nn/models/clip_text.h"
#include "nn/models/unet_2d_condition.h"

namespace papilio::cli {

namespace {

// The largest number of groups up to 32 that divides all of them, eight channels and more in each:
// a norm of few channels takes away how bright they are.
int64_t groups_of(const std::vector<int64_t>& widths) {
  int64_t groups = 32;
  const auto fits = [&](int64_t w) { return w % groups == 0 && w / groups >= 8; };
  while (groups > 1 && !std::ranges::all_of(widths, fits)) --groups;
  return groups;
}

}  // namespace

int64_t PipelineSizes::side_step() const {
  return int64_t(1) << (vae_channels.size() + unet_channels.size() - 2);
}

nn::PipelineConfig pipeline_config(const PipelineSizes& s, int64_t side, int64_t tokens) {
  nn::PipelineConfig c;
  c.vae = {.block_out_channels = s.vae_channels,
           .latent_channels = s.latent_channels,
           .norm_num_groups = groups_of(s.vae_channels),
           .sample_size = side,
           .scaling_factor = 1};
  const size_t n = s.unet_channels.size();
  c.unet = {.sample_size = side / c.vae.pixels_of_latent(),
            .in_channels = s.latent_channels,
            .out_channels = s.latent_channels,
            .down_block_types = std::vector<std::string>(n, "CrossAttnDownBlock2D"),
            .up_block_types = std::vector<std::string>(n, "CrossAttnUpBlock2D"),
            .block_out_channels = s.unet_channels,
            .layers_per_block = std::vector<int64_t>(n, s.layers_per_block),
            .norm_num_groups = groups_of(s.unet_channels),
            .cross_attention_dim = std::vector<int64_t>(n, s.text_width),
            .transformer_layers_per_block = std::vector<int64_t>(n, 1),
            .attention_head_dim = std::vector<int64_t>(n, s.heads)};
  c.unet.down_block_types.back() = "DownBlock2D";
  c.unet.up_block_types.front() = "UpBlock2D";
  c.text = {.vocab_size = tokens,
            .hidden_size = s.text_width,
            .intermediate_size = 4 * s.text_width,
            .num_hidden_layers = s.text_layers,
            .num_attention_heads = std::max<int64_t>(1, s.text_width / 16),
            .max_position_embeddings = s.max_tokens};
  c.scheduler = {.noise = {.beta_start = 0.00085,
                           .beta_end = 0.012,
                           .beta_schedule = "scaled_linear",
                           .steps_offset = 1},
                 .clip_sample = false,
                 .set_alpha_to_one = false};
  return c;
}

nn::LightControlNetConfig control_config(const nn::DiffusionPipeline& pipeline) {
  nn::LightControlNetConfig config;
  const std::vector<int64_t> usual = config.block_out_channels;
  config.block_out_channels.clear();
  for (int64_t pixels = 1; pixels <= pipeline.vae->config.pixels_of_latent(); pixels *= 2)
    config.block_out_channels.push_back(
        usual[std::min(config.block_out_channels.size(), usual.size() - 1)]);
  config.out_channels = pipeline.unet->config.block_out_channels.front();
  return config;
}

}  // namespace papilio::cli
