// What the configurations of all vision transformers must fulfil.
#pragma once

#include <cstdint>

#include "nn/layers/hidden_act.h"
#include "tensor/error.h"

namespace papilio::nn {

// Throws ArgumentError that begins with the configuration's name.
inline void check_positive(const char* config, const char* field, int64_t value) {
  check(value >= 1, config, ": expected ", field, " >= 1, got ", value);
}

template <class Config>
void check_transformer(const char* name, const Config& c) {
  check_positive(name, "image_size", c.image_size);
  check_positive(name, "patch_size", c.patch_size);
  check_positive(name, "num_channels", c.num_channels);
  check_positive(name, "hidden_size", c.hidden_size);
  check_positive(name, "num_attention_heads", c.num_attention_heads);
  check_positive(name, "num_labels", c.num_labels);
  check(c.num_hidden_layers >= 0, name, ": expected num_hidden_layers >= 0, got ",
        c.num_hidden_layers);
  check(c.image_size % c.patch_size == 0, name, ": image_size ", c.image_size,
        " is not a multiple of patch_size ", c.patch_size);
  check(c.hidden_size % c.num_attention_heads == 0, name, ": hidden_size ", c.hidden_size,
        " is not a multiple of num_attention_heads ", c.num_attention_heads);
  check(c.layer_norm_eps > 0, name, ": expected layer_norm_eps > 0, got ", c.layer_norm_eps);
  hidden_act(c.hidden_act);
  for (double rate : {c.hidden_dropout_prob, c.attention_probs_dropout_prob, c.drop_path_rate})
    check(rate >= 0 && rate < 1, name, ": expected rates in [0, 1), got ", rate);
}

}  // namespace papilio::nn
