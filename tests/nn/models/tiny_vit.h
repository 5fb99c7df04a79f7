// The smallest vision transformer that has everything: 5 tokens of width 16, for the digits.
#pragma once

#include "nn/models/vit.h"

namespace papilio::test {

inline nn::ViTConfig tiny_vit_config() {
  return {.image_size = 8,
          .patch_size = 4,
          .num_channels = 1,
          .hidden_size = 16,
          .num_hidden_layers = 1,
          .num_attention_heads = 2,
          .intermediate_size = 32,
          .num_labels = 10};
}

}  // namespace papilio::test
