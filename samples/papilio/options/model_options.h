// The model that train builds: a vision transformer.
#pragma once

#include <cstdint>
#include <string>

#include "nn/models/vit.h"
#include "samples/papilio/options/options.h"

namespace papilio::cli {

// The defaults suit the digits of 8x8 pixels: 17 tokens of width 64, 4 layers.
struct ModelSettings {
  int64_t image_size = 0;  // 0: the data's own
  std::string pooling = "cls";
  nn::ViTConfig vit = {.image_size = 8,
                       .patch_size = 2,
                       .num_channels = 1,
                       .hidden_size = 64,
                       .num_hidden_layers = 4,
                       .num_attention_heads = 4,
                       .intermediate_size = 256,
                       .num_labels = 10,
                       .initializer_range = 0.1};
};

void add_model_options(Options& options, ModelSettings& settings);
// Settles what follows from other options. Throws UsageError for those that say nothing together.
void settle_model_options(Options& options, ModelSettings& settings);

}  // namespace papilio::cli
