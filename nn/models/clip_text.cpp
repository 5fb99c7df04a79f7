#include "nn/models/clip_text.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/layer_norm.h"
#include "nn/models/detail/folder_config.h"
#include "nn/models/detail/model_table.h"
#include "nn/models/detail/vision_config.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/files/detail/json.h"

namespace papilio::nn {

using nlohmann::json;

namespace {

constexpr const char* kPrefix = "text_model.";

}  // namespace

CLIPAttention::CLIPAttention(const CLIPTextConfig& c)
    : Attention(c.hidden_size, c.num_attention_heads, {.attention_dropout = c.attention_dropout}),
      k_proj(c.hidden_size, c.hidden_size),
      v_proj(c.hidden_size, c.hidden_size),
      q_proj(c.hidden_size, c.hidden_size),
      out_proj(c.hidden_size, c.hidden_size) {
  causal = true;
}

HeadProjections CLIPAttention::project(const Tensor& x) {
  const Tensor v = split_heads(v_proj(x)), k = split_heads(k_proj(x));
  return {split_heads(q_proj(x)), k, v};
}

void CLIPAttention::visit(Visitor& v) {
  v("k_proj", k_proj);
  v("v_proj", v_proj);
  v("q_proj", q_proj);
  v("out_proj", out_proj);
  v("attention_dropout", attention_dropout);
}

CLIPEncoderLayer::CLIPEncoderLayer(const CLIPTextConfig& c)
    : self_attn(c),
      layer_norm1(c.hidden_size, c.layer_norm_eps),
      mlp(c.hidden_size, c.intermediate_size, 0, hidden_act(c.hidden_act)),
      layer_norm2(c.hidden_size, c.layer_norm_eps) {}

Tensor CLIPEncoderLayer::operator()(const Tensor& x) {
  const auto block = [this](const Tensor& in) {
    const SumAndNorm seen = layer_norm2.add_and_norm(in, self_attn(layer_norm1(in)));
    return seen.sum + mlp_part([this](const Tensor& inner) { return mlp(inner); }, seen.norm);
  };
  return whole(block, x);
}

void CLIPEncoderLayer::visit(Visitor& v) {
  v("self_attn", self_attn);
  v("layer_norm1", layer_norm1);
  v("mlp", mlp);
  v("layer_norm2", layer_norm2);
}

CLIPTextModel::CLIPTextModel(const CLIPTextConfig& c)
    : config(c),
      token_embedding(c.vocab_size, c.hidden_size),
      position_embedding(c.max_position_embeddings, c.hidden_size),
      final_layer_norm(c.hidden_size, c.layer_norm_eps) {
  for (int64_t i = 0; i < c.num_hidden_layers; ++i) layers.emplace_back(c);
  initialise_transformer(*this, c.initializer_range);
}

Tensor CLIPTextModel::operator()(const Tensor& tokens) {
  check(tokens.defined() && tokens.dim() == 2,
        "CLIPTextModel: expected tokens of shape (B, T), got ", tokens.shape());
  check(tokens.size(1) <= config.max_position_embeddings, "CLIPTextModel: expected at most ",
        config.max_position_embeddings, " tokens, got ", tokens.size(1));
  const Tensor positions = copy_of(arange(tokens.size(1)), tokens.device());
  Tensor x = token_embedding(tokens) + position_embedding(positions);
  for (CLIPEncoderLayer& layer : layers) x = layer(x);
  return final_layer_norm(x);
}

void CLIPTextModel::visit(Visitor& v) {
  v("text_model.embeddings.token_embedding", token_embedding);
  v("text_model.embeddings.position_embedding", position_embedding);
  v("text_model.encoder.layers", layers);
  v("text_model.final_layer_norm", final_layer_norm);
}

void CLIPTextModel::before_loading(StateDict& tensors) {
  StateDict renamed;
  for (const auto& [name, tensor] : tensors) {
    if (name.ends_with("position_ids") || name.starts_with("vision_model.") ||
        name == "visual_projection.weight" || name == "text_projection.weight" ||
        name == "logit_scale")
      continue;
    renamed[name.starts_with(kPrefix) ? name : kPrefix + name] = tensor;
  }
  tensors = std::move(renamed);
}

ConfigFields CLIPTextModel::config_fields() const {
  const CLIPTextConfig& c = config;
  return nn::config_fields({{"architectures", {"CLIPTextModel"}},
                            {"model_type", "clip_text_model"},
                            {"vocab_size", c.vocab_size},
                            {"hidden_size", c.hidden_size},
                            {"intermediate_size", c.intermediate_size},
                            {"num_hidden_layers", c.num_hidden_layers},
                            {"num_attention_heads", c.num_attention_heads},
                            {"max_position_embeddings", c.max_position_embeddings},
                            {"hidden_act", c.hidden_act},
                            {"layer_norm_eps", c.layer_norm_eps},
                            {"attention_dropout", c.attention_dropout},
                            {"initializer_range", c.initializer_range}});
}

const Renamings kClipTextRenamings{.layers = {"text_model.encoder.layers.", "encoder.layers."},
                                   .attention = {}};

CLIPTextConfig read_clip_text_config(JsonFields& fields) {
  CLIPTextConfig c;
  if (fields.string("model_type", "clip_text_model") != "clip_text_model")
    fields.fail("model_type", "\"clip_text_model\"");
  for (const char* silent : {"projection_dim", "initializer_factor", "pad_token_id", "bos_token_id",
                             "eos_token_id", "dropout"})
    fields.value(silent);  // of what is not computed here
  c.vocab_size = fields.integer("vocab_size", c.vocab_size, 1);
  c.hidden_size = fields.integer("hidden_size", c.hidden_size, 1);
  c.intermediate_size = fields.integer("intermediate_size", c.intermediate_size, 1);
  c.num_hidden_layers = fields.integer("num_hidden_layers", c.num_hidden_layers, 0, 1000);
  c.num_attention_heads = fields.integer("num_attention_heads", c.num_attention_heads, 1);
  c.max_position_embeddings =
      fields.integer("max_position_embeddings", c.max_position_embeddings, 1);
  // gelu if a file does not say it would be ViT's default: CLIP's is quick_gelu.
  if (fields.has("hidden_act")) c.hidden_act = read_hidden_act(fields);
  c.layer_norm_eps = fields.number("layer_norm_eps", c.layer_norm_eps);
  c.attention_dropout = fields.number("attention_dropout", c.attention_dropout);
  c.initializer_range = fields.number("initializer_range", c.initializer_range);
  return c;
}

std::unique_ptr<CLIPTextModel> load_clip_text(const std::filesystem::path& folder,
                                              std::vector<std::string>& warnings,
                                              const std::string& variant) {
  return load_folder_model<CLIPTextModel>(folder, read_clip_text_config, warnings, variant);
}

}  // namespace papilio::nn
