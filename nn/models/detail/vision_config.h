// What the configurations of all vision transformers share: checks, and fields of config.json.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "nn/layers/hidden_act.h"
#include "nn/models/image_classifier.h"
#include "nn/models/pretrained_model.h"
#include "tensor/error.h"
#include "tensor/files/detail/json.h"

namespace papilio::nn {

// Throws ArgumentError that begins with the configuration's name.
inline void check_positive(const char* config, const char* field, int64_t value) {
  check(value >= 1, config, ": expected ", field, " >= 1, got ", value);
}

// The configuration itself, for constructors' lists; throws what its validate() does.
template <class Config>
const Config& validated(const Config& config) {
  config.validate();
  return config;
}

// What every vision transformer has.
template <class Config>
void check_sizes(const char* name, const Config& c) {
  check_positive(name, "image_size", c.image_size);
  check_positive(name, "patch_size", c.patch_size);
  check_positive(name, "num_channels", c.num_channels);
  check_positive(name, "hidden_size", c.hidden_size);
  check_positive(name, "num_attention_heads", c.num_attention_heads);
  check_positive(name, "num_labels", c.num_labels);
  check(c.num_hidden_layers >= 0, name, ": expected num_hidden_layers >= 0, got ",
        c.num_hidden_layers);
  // What is left over of a size that is no multiple is dropped, as Transformers drops it.
  check(c.image_size >= c.patch_size, name, ": patch_size ", c.patch_size,
        " is larger than image_size ", c.image_size);
  check(c.hidden_size % c.num_attention_heads == 0, name, ": hidden_size ", c.hidden_size,
        " is not a multiple of num_attention_heads ", c.num_attention_heads);
  check(c.layer_norm_eps > 0, name, ": expected layer_norm_eps > 0, got ", c.layer_norm_eps);
  hidden_act(c.hidden_act);
}

template <class Config>
void check_transformer(const char* name, const Config& c) {
  check_sizes(name, c);
  for (double rate : {c.hidden_dropout_prob, c.attention_probs_dropout_prob, c.drop_path_rate})
    check(rate >= 0 && rate < 1, name, ": expected rates in [0, 1), got ", rate);
}

// A number, or a list of one or two equal ones.
int64_t read_square_size(JsonFields& fields, const char* key, int64_t otherwise);
// hidden_act, one of those that nn/layers/hidden_act.h knows.
std::string read_hidden_act(JsonFields& fields);
// num_labels; as many as id2label names, or 2, if it is missing.
int64_t read_num_labels(JsonFields& fields);
// Throws FileError for fields that change the computation of any of these models.
void refuse_unsupported(JsonFields& fields, int64_t hidden_size, int64_t heads);

// The fields that all configurations have under the same keys; one that is missing stays as it is
// in `c`.
template <class Config>
void read_sizes(JsonFields& fields, Config& c) {
  c.image_size = read_square_size(fields, "image_size", c.image_size);
  c.patch_size = read_square_size(fields, "patch_size", c.patch_size);
  c.num_channels = fields.integer("num_channels", c.num_channels, 1);
  c.hidden_size = fields.integer("hidden_size", c.hidden_size, 1);
  // The largest published have some 50 layers; a file that asks for 10^5 would be built for
  // minutes.
  c.num_hidden_layers = fields.integer("num_hidden_layers", c.num_hidden_layers, 0, 1000);
  c.num_attention_heads = fields.integer("num_attention_heads", c.num_attention_heads, 1);
  c.hidden_act = read_hidden_act(fields);
  c.layer_norm_eps = fields.number("layer_norm_eps", c.layer_norm_eps);
  c.initializer_range = fields.number("initializer_range", c.initializer_range);
  c.num_labels = read_num_labels(fields);
  refuse_unsupported(fields, c.hidden_size, c.num_attention_heads);
}

// Reads the fields of Transformers' ViTConfig and Dinov2Config.
template <class Config>
void read_transformer(JsonFields& fields, Config& c) {
  read_sizes(fields, c);
  c.hidden_dropout_prob = fields.number("hidden_dropout_prob", c.hidden_dropout_prob);
  c.attention_probs_dropout_prob =
      fields.number("attention_probs_dropout_prob", c.attention_probs_dropout_prob);
  c.drop_path_rate = fields.number("drop_path_rate", c.drop_path_rate);
  c.qkv_bias = fields.boolean("qkv_bias", c.qkv_bias);
}

// The way back.
template <class Config>
nlohmann::json sizes_json(const Config& c) {
  return {{"image_size", c.image_size},
          {"patch_size", c.patch_size},
          {"num_channels", c.num_channels},
          {"hidden_size", c.hidden_size},
          {"num_hidden_layers", c.num_hidden_layers},
          {"num_attention_heads", c.num_attention_heads},
          {"hidden_act", c.hidden_act},
          {"layer_norm_eps", c.layer_norm_eps},
          {"initializer_range", c.initializer_range}};
}

// The shape as far as the sizes say it, with a patch embedding before the first layer.
template <class Config>
ImageClassifier::Shape sizes_shape(std::string model_type, const Config& c) {
  ImageClassifier::Shape shape;
  shape.model_type = std::move(model_type);
  shape.image_size = c.image_size;
  shape.num_channels = c.num_channels;
  shape.patch_size = c.patch_size;
  shape.hidden_size = c.hidden_size;
  shape.num_hidden_layers = c.num_hidden_layers;
  shape.num_attention_heads = c.num_attention_heads;
  shape.num_labels = c.num_labels;
  shape.stem_operations =
      patch_operations(c.image_size, c.patch_size, c.num_channels, c.hidden_size);
  return shape;
}

template <class Config>
nlohmann::json transformer_json(const Config& c) {
  nlohmann::json object = sizes_json(c);
  object["hidden_dropout_prob"] = c.hidden_dropout_prob;
  object["attention_probs_dropout_prob"] = c.attention_probs_dropout_prob;
  object["drop_path_rate"] = c.drop_path_rate;
  object["qkv_bias"] = c.qkv_bias;
  return object;
}

ConfigFields config_fields(const nlohmann::json& object);

}  // namespace papilio::nn
