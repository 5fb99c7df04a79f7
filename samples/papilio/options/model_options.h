// The model that train builds: a vision transformer, or a GPT-2.
#pragma once

#include <cstdint>
#include <string>

#include "nn/models/gpt2.h"
#include "nn/models/vit.h"
#include "nn/text/tokenizer.h"
#include "samples/papilio/options/options.h"

namespace papilio::cli {

// The defaults suit the digits of 8x8 pixels: 17 tokens of width 64, 4 layers.
struct ModelSettings {
  std::string model_type = "vit";  // as config.json has it: vit or gpt2
  int64_t image_size = 0;          // 0: the data's own
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
  // What a GPT-2 has; its other sizes are those of `vit`.
  int64_t context = 128, vocab_size = 1024;
  std::string tokenizer;  // a folder; empty: learned from the text

  bool learns_text() const { return model_type == "gpt2"; }
};

// The smallest GPT-2 that learns something: what is not given of a width.
inline constexpr int64_t kGpt2Width = 128;

void add_model_options(Options& options, ModelSettings& settings);
// Settles what follows from other options. Throws UsageError for those that say nothing together.
void settle_model_options(Options& options, ModelSettings& settings);
// The GPT-2 that the options describe, whose tokens are the tokenizer's.
nn::GPT2Config gpt2_config(const ModelSettings& settings, const nn::Tokenizer& tokenizer);

}  // namespace papilio::cli
