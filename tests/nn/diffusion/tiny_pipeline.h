// A pipeline that is trained from nothing in a test.
#pragma once

#include <string_view>
#include <vector>

#include "nn/diffusion/pipeline_pretraining.h"
#include "nn/text/train_bpe.h"

namespace papilio::test {

inline nn::PipelineConfig tiny_config() {
  return {.unet = {.sample_size = 4,
                   .in_channels = 2,
                   .out_channels = 2,
                   .down_block_types = {"CrossAttnDownBlock2D", "DownBlock2D"},
                   .up_block_types = {"UpBlock2D", "CrossAttnUpBlock2D"},
                   .block_out_channels = {8, 8},
                   .layers_per_block = {1, 1},
                   .norm_num_groups = 1,
                   .cross_attention_dim = {8, 8},
                   .transformer_layers_per_block = {1, 1},
                   .attention_head_dim = {2, 2}},
          .vae = {.block_out_channels = {8, 8},
                  .latent_channels = 2,
                  .norm_num_groups = 1,
                  .sample_size = 8,
                  .scaling_factor = 1},
          .text = {.vocab_size = 560,
                   .hidden_size = 8,
                   .intermediate_size = 16,
                   .num_hidden_layers = 1,
                   .num_attention_heads = 2,
                   .max_position_embeddings = 8},
          .scheduler = {.noise = {}, .clip_sample = false}};
}

inline nn::Tokenizer tiny_tokenizer() {
  const std::vector<std::string_view> texts{"a red square", "a green square"};
  return nn::train_clip_tokenizer(texts, 560);
}

}  // namespace papilio::test
