#include "nn/models/config_fields.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "tensor/files/detail/json.h"

namespace papilio::nn {

using nlohmann::json;

namespace {

struct PoolingName {
  std::string_view name;
  Pooling pooling;
};
constexpr PoolingName kPoolings[] = {
    {"cls", Pooling::class_token}, {"mean", Pooling::mean}, {"seq", Pooling::sequence}};

// A number, or a list of one or two equal ones.
int64_t square_size(JsonFields& fields, const char* key, int64_t otherwise) {
  const std::vector<int64_t> sizes = fields.integers(key);
  if (sizes.empty()) return otherwise;
  if (sizes.size() > 2 || sizes.front() != sizes.back() || sizes.front() < 1)
    fields.fail(key, "one whole number >= 1, or two equal ones (square images and patches)");
  return sizes.front();
}

std::string activation(JsonFields& fields) {
  const std::string name = fields.string("hidden_act", "gelu");
  try {
    hidden_act(name);
  } catch (const ArgumentError&) {
    fields.fail("hidden_act", ("one of " + hidden_act_names()).c_str());
  }
  return name;
}

// What both models have, under the same keys.
template <class Config>
void read_shared(JsonFields& fields, Config& c) {
  c.image_size = square_size(fields, "image_size", c.image_size);
  c.patch_size = square_size(fields, "patch_size", c.patch_size);
  c.num_channels = fields.integer("num_channels", c.num_channels, 1);
  c.hidden_size = fields.integer("hidden_size", c.hidden_size, 1);
  // The largest published have some 50 layers; a file that asks for 10^5 would be built for
  // minutes.
  c.num_hidden_layers = fields.integer("num_hidden_layers", c.num_hidden_layers, 0, 1000);
  c.num_attention_heads = fields.integer("num_attention_heads", c.num_attention_heads, 1);
  c.hidden_act = activation(fields);
  c.hidden_dropout_prob = fields.number("hidden_dropout_prob", c.hidden_dropout_prob);
  c.attention_probs_dropout_prob =
      fields.number("attention_probs_dropout_prob", c.attention_probs_dropout_prob);
  c.drop_path_rate = fields.number("drop_path_rate", c.drop_path_rate);
  c.layer_norm_eps = fields.number("layer_norm_eps", c.layer_norm_eps);
  c.initializer_range = fields.number("initializer_range", c.initializer_range);
  c.qkv_bias = fields.boolean("qkv_bias", c.qkv_bias);
  const int64_t head = c.hidden_size / c.num_attention_heads;
  if (fields.integer("head_dim", head) != head)
    fields.fail("head_dim", "hidden_size / num_attention_heads (not supported otherwise)");
  if (!fields.value("pruned_heads").empty())
    fields.fail("pruned_heads", "none (not supported otherwise)");
  if (!fields.value("quantization_config").is_null())
    fields.fail("quantization_config", "none (weights in whole numbers are not supported)");
}

template <class Config>
json shared(const Config& c) {
  return {{"image_size", c.image_size},
          {"patch_size", c.patch_size},
          {"num_channels", c.num_channels},
          {"hidden_size", c.hidden_size},
          {"num_hidden_layers", c.num_hidden_layers},
          {"num_attention_heads", c.num_attention_heads},
          {"hidden_act", c.hidden_act},
          {"hidden_dropout_prob", c.hidden_dropout_prob},
          {"attention_probs_dropout_prob", c.attention_probs_dropout_prob},
          {"layer_norm_eps", c.layer_norm_eps},
          {"initializer_range", c.initializer_range},
          {"qkv_bias", c.qkv_bias}};
}

ConfigFields as_fields(const json& object) {
  ConfigFields fields;
  for (const auto& [key, value] : object.items()) fields[key] = value.dump();
  return fields;
}

}  // namespace

ViTConfig read_vit_config(JsonFields& fields) {
  ViTConfig c;
  read_shared(fields, c);
  c.intermediate_size = fields.integer("intermediate_size", c.intermediate_size, 1);
  const std::string pooling = fields.string("pooling", "cls");
  const auto named = std::ranges::find(kPoolings, pooling, &PoolingName::name);
  if (named == std::end(kPoolings)) fields.fail("pooling", "\"cls\", \"mean\" or \"seq\"");
  c.pooling = named->pooling;
  c.conv_layers = fields.integer("conv_layers", 0, 0);
  return c;
}

Dinov2Config read_dinov2_config(JsonFields& fields, bool with_registers) {
  Dinov2Config c;
  // Transformers' defaults, not those of the published models.
  c.image_size = 224;
  if (with_registers) c.patch_size = 16;
  read_shared(fields, c);
  c.mlp_ratio = fields.number("mlp_ratio", c.mlp_ratio);
  c.layerscale_value = fields.number("layerscale_value", c.layerscale_value);
  c.use_swiglu_ffn = fields.boolean("use_swiglu_ffn", c.use_swiglu_ffn);
  c.use_mask_token = with_registers || fields.boolean("use_mask_token", c.use_mask_token);
  c.num_register_tokens = with_registers ? fields.integer("num_register_tokens", 4, 0) : -1;
  return c;
}

ConfigFields config_fields(const ViTConfig& c) {
  json object = shared(c);
  object["intermediate_size"] = c.intermediate_size;
  object["drop_path_rate"] = c.drop_path_rate;
  object["pooling"] =
      std::string(std::ranges::find(kPoolings, c.pooling, &PoolingName::pooling)->name);
  if (c.conv_layers > 0) object["conv_layers"] = c.conv_layers;
  // Another type than Transformers', so that it does not read what it would compute differently.
  object["model_type"] = c.known_to_transformers() ? "vit" : "papilio_vit";
  object["architectures"] = {c.known_to_transformers() ? "ViTForImageClassification"
                                                       : "PapilioViTForImageClassification"};
  return as_fields(object);
}

ConfigFields config_fields(const Dinov2Config& c) {
  json object = shared(c);
  const bool whole = c.mlp_ratio == double(int64_t(c.mlp_ratio));  // Transformers wants an integer
  object["mlp_ratio"] = whole ? json(int64_t(c.mlp_ratio)) : json(c.mlp_ratio);
  object["drop_path_rate"] = c.drop_path_rate;
  object["layerscale_value"] = c.layerscale_value;
  object["use_swiglu_ffn"] = c.use_swiglu_ffn;
  if (c.with_registers()) {
    object["num_register_tokens"] = c.num_register_tokens;
  } else {
    object["use_mask_token"] = c.use_mask_token;
  }
  object["model_type"] = c.with_registers() ? "dinov2_with_registers" : "dinov2";
  object["architectures"] = {c.with_registers() ? "Dinov2WithRegistersForImageClassification"
                                                : "Dinov2ForImageClassification"};
  return as_fields(object);
}

}  // namespace papilio::nn
