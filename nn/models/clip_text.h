// CLIPTextModel: what reads prompts in Stable Diffusion. Radford and others: "Learning transferable
// visual models from natural language supervision", 2021.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "nn/layers/attention.h"
#include "nn/layers/block.h"
#include "nn/layers/embedding.h"
#include "nn/layers/layer_norm.h"
#include "nn/layers/linear.h"
#include "nn/layers/mlp.h"
#include "nn/models/pretrained_model.h"

namespace papilio::nn {

struct Renamings;  // nn/models/detail/model_table.h

// Transformers' fields and defaults.
struct CLIPTextConfig {
  int64_t vocab_size = 49408;
  int64_t hidden_size = 512;
  int64_t intermediate_size = 2048;
  int64_t num_hidden_layers = 12;
  int64_t num_attention_heads = 8;
  int64_t max_position_embeddings = 77;
  std::string hidden_act = "quick_gelu";
  double layer_norm_eps = 1e-5;
  double attention_dropout = 0;
  double initializer_range = 0.02;
};

// Attention of each token to those before it and itself: q_proj, k_proj, v_proj, out_proj.
struct CLIPAttention : Attention {
  Linear k_proj, v_proj, q_proj, out_proj;

  explicit CLIPAttention(const CLIPTextConfig& config);
  void visit(Visitor& v) override;
  std::string describe() const override { return str("CLIPAttention(", heads, " heads)"); }

 protected:
  HeadProjections project(const Tensor& x) override;
  Tensor project_output(const Tensor& y) override { return out_proj(y); }
};

// x + self_attn(layer_norm1(x)), then x + mlp(layer_norm2(x)).
struct CLIPEncoderLayer : Block {
  CLIPAttention self_attn;
  LayerNorm layer_norm1;
  Mlp mlp;
  LayerNorm layer_norm2;

  explicit CLIPEncoderLayer(const CLIPTextConfig& config);
  Tensor operator()(const Tensor& x);  // (B, T, D) -> (B, T, D)
  void visit(Visitor& v) override;
  std::string describe() const override { return "CLIPEncoderLayer"; }
};

// Parameters are named as in files: text_model.encoder.layers.0.self_attn.q_proj.weight.
struct CLIPTextModel : PretrainedModel {
  CLIPTextConfig config;
  Embedding token_embedding, position_embedding;
  std::vector<CLIPEncoderLayer> layers;
  LayerNorm final_layer_norm;

  // Throws ArgumentError for sizes that contradict each other.
  explicit CLIPTextModel(const CLIPTextConfig& config);
  // Tokens (B, T), int64, T at most max_position_embeddings -> (B, T, hidden_size), behind
  // final_layer_norm: last_hidden_state, which a UNet's cross attention sees.
  Tensor operator()(const Tensor& tokens);
  ConfigFields config_fields() const override;
  // Transformers 5 leaves out text_model. in memory; older files hold position_ids, and whole CLIPs
  // a vision model beside the text's.
  void before_loading(StateDict& tensors) override;
  void visit(Visitor& v) override;
  std::string describe() const override { return "CLIPTextModel"; }
};

// What Transformers 5 calls its layers (nn/models/detail/transformers_names.h).
extern const Renamings kClipTextRenamings;

// A config.json's configuration, and the model in a folder: as of the UNet
// (nn/models/unet_2d_condition.h).
CLIPTextConfig read_clip_text_config(JsonFields& fields);
std::unique_ptr<CLIPTextModel> load_clip_text(const std::filesystem::path& folder,
                                              std::vector<std::string>& warnings,
                                              const std::string& variant = "");

}  // namespace papilio::nn
