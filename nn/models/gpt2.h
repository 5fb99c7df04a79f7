// GPT-2 (Radford and others: "Language Models are Unsupervised Multitask Learners", 2019) with the
// fields and parameter names of Hugging Face Transformers' GPT2LMHeadModel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nn/layers/attention.h"
#include "nn/layers/block.h"
#include "nn/layers/conv1d.h"
#include "nn/layers/dropout.h"
#include "nn/layers/embedding.h"
#include "nn/layers/hidden_act.h"
#include "nn/layers/kv_cache.h"
#include "nn/layers/layer_norm.h"
#include "nn/layers/linear.h"
#include "nn/models/language_model.h"
#include "nn/models/pretrained_model.h"

namespace papilio::nn {

// Fields as in Transformers' GPT2Config; the defaults are those of the smallest GPT-2.
struct GPT2Config {
  int64_t vocab_size = 50257;
  int64_t n_positions = 1024;
  int64_t n_embd = 768;
  int64_t n_layer = 12;
  int64_t n_head = 12;
  int64_t n_inner = 0;                           // of the MLPs; 0: 4 n_embd
  std::string activation_function = "gelu_new";  // nn/layers/hidden_act.h
  double resid_pdrop = 0.1;
  double embd_pdrop = 0.1;
  double attn_pdrop = 0.1;
  double layer_norm_epsilon = 1e-5;
  double initializer_range = 0.02;
  bool scale_attn_weights = true;                // scores by 1 / sqrt(n_embd / n_head)
  bool scale_attn_by_inverse_layer_idx = false;  // ... and by 1 / (number of the layer, from 1)
  bool tie_word_embeddings = true;               // the head's weight is the embedding's
  std::vector<int64_t> eos_token_id = {50256};

  // The MLP's width: n_inner, or Transformers' default.
  int64_t intermediate_size() const { return n_inner > 0 ? n_inner : 4 * n_embd; }
  // Throws ArgumentError for sizes below 1, heads that do not divide, an unknown activation, and
  // rates outside [0, 1).
  void validate() const;
};

// Causal self-attention whose query, key and value are one product.
struct GPT2Attention : Attention {
  Conv1D c_attn, c_proj;

  GPT2Attention(const GPT2Config& config, int64_t layer);
  // x: (B, T, D), whose keys and values join those of the cache's layer if there is one.
  Tensor operator()(const Tensor& x, KvCache* cache, size_t layer);
  void visit(Visitor& v) override;
  std::string describe() const override { return str("GPT2Attention(", heads, " heads)"); }

 protected:
  HeadProjections project(const Tensor& x) override { return split_projections(c_attn(x)); }
  Tensor project_output(const Tensor& y) override { return c_proj(y); }
};

// c_proj(act(c_fc(x))) with dropout behind it.
struct GPT2Mlp : Module {
  Conv1D c_fc, c_proj;
  HiddenAct act;
  Dropout dropout;

  explicit GPT2Mlp(const GPT2Config& config);
  Tensor operator()(const Tensor& x);
  void visit(Visitor& v) override;
  std::string describe() const override { return "GPT2Mlp"; }
};

// x + attn(ln_1(x)), then x + mlp(ln_2(x)).
struct GPT2Block : Block {
  LayerNorm ln_1, ln_2;
  GPT2Attention attn;
  GPT2Mlp mlp;

  GPT2Block(const GPT2Config& config, int64_t layer);
  Tensor operator()(const Tensor& x, KvCache* cache, size_t layer);
  void visit(Visitor& v) override;
  std::string describe() const override { return "GPT2Block"; }
};

// The backbone, as Transformers' GPT2Model: (B, T) int64 -> (B, T, n_embd), normalised.
struct GPT2Model : Module {
  GPT2Config config;
  Embedding wte, wpe;
  Dropout drop;
  std::vector<GPT2Block> h;
  LayerNorm ln_f;

  explicit GPT2Model(const GPT2Config& config);
  Tensor operator()(const Tensor& ids, KvCache* cache);
  void visit(Visitor& v) override;
  std::string describe() const override { return "GPT2Model"; }
};

// The logits are products with the embedding's rows, or (tie_word_embeddings = false) with a matrix
// of their own.
struct GPT2LMHeadModel : LanguageModel {
  GPT2Model transformer;
  std::unique_ptr<Linear> lm_head;  // null if tied: the weight is there once, and counted once

  explicit GPT2LMHeadModel(const GPT2Config& config);
  // What the model was made from.
  const GPT2Config& config() const { return transformer.config; }
  Shape shape() const override;
  Tensor hidden(const Tensor& ids, KvCache* cache = nullptr) override {
    return transformer(ids, cache);
  }
  Tensor logits(const Tensor& hidden) override;
  std::vector<int64_t> eos_token_ids() const override { return config().eos_token_id; }
  ConfigFields config_fields() const override;
  std::string backbone_prefix() const override { return "transformer."; }
  bool in_head(const std::string& path) override;
  void before_loading(StateDict& tensors) override;
  std::string refuses_adapter(const std::string& path) const override;
  void visit(Visitor& v) override;
  std::string describe() const override { return "GPT2LMHeadModel"; }
};

// Its row in the table of models (nn/models/detail/model_table.h).
std::unique_ptr<LanguageModel> make_gpt2(JsonFields& fields);

}  // namespace papilio::nn
