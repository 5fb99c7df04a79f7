// The vision transformer (arXiv 2010.11929) with the fields and parameter names of Hugging Face
// Transformers' ViTForImageClassification, so that checkpoints and target_modules mean the same
// here and there.
#pragma once

#include <string>
#include <vector>

#include "nn/layers/dropout.h"
#include "nn/layers/hidden_act.h"
#include "nn/layers/layer_norm.h"
#include "nn/layers/linear.h"
#include "nn/layers/multi_head_attention.h"
#include "nn/layers/patch_embed.h"
#include "nn/models/image_classifier.h"

namespace papilio::nn {

enum class Pooling { class_token, mean };

// Fields as in Transformers' ViTConfig; the defaults are ViT-B/16's. Sizes are in pixels.
struct ViTConfig {
  int64_t image_size = 224;
  int64_t patch_size = 16;
  int64_t num_channels = 3;
  int64_t hidden_size = 768;
  int64_t num_hidden_layers = 12;
  int64_t num_attention_heads = 12;
  int64_t intermediate_size = 3072;
  int64_t num_labels = 1000;
  std::string hidden_act = "gelu";  // nn/layers/hidden_act.h
  double hidden_dropout_prob = 0;
  double attention_probs_dropout_prob = 0;
  double drop_path_rate = 0;  // of the last layer; grows linearly from 0 at the first
  double layer_norm_eps = 1e-12;
  double initializer_range = 0.02;
  bool qkv_bias = true;
  Pooling pooling = Pooling::class_token;

  // Throws ArgumentError for sizes below 1, an image that is no multiple of the patch, heads that
  // do not divide, an unknown activation, and rates outside [0, 1).
  void validate() const;
};

struct ViTEmbeddings : Module {
  Tensor cls_token;            // (1, 1, D); undefined with mean pooling
  Tensor position_embeddings;  // (1, T, D)
  PatchEmbed patch_embeddings;
  Dropout dropout;
  // Take images of any size, as interpolate_pos_encoding=True does in Transformers; without, one of
  // another size than the configuration's throws.
  bool interpolate_pos_encoding = false;

  explicit ViTEmbeddings(const ViTConfig& config);
  Tensor operator()(const Tensor& images);  // (B, C, H, W) -> (B, T, D)
  void visit(Visitor& v) override;
  std::string describe() const override { return "ViTEmbeddings"; }
};

// x + attention(norm(x)), then x + mlp(norm(x)).
struct ViTLayer : Module {
  LayerNorm layernorm_before, layernorm_after;
  MultiHeadAttention attention;
  Linear intermediate, output;
  HiddenAct act;
  Dropout dropout;
  DropPath drop_path;

  ViTLayer(const ViTConfig& config, double drop_path_rate);
  Tensor operator()(const Tensor& x);  // (B, T, D) -> (B, T, D)
  void visit(Visitor& v) override;
  std::string describe() const override { return "ViTLayer"; }
};

struct ViTModel : Module {
  ViTConfig config;
  ViTEmbeddings embeddings;
  std::vector<ViTLayer> layer;
  LayerNorm layernorm;

  explicit ViTModel(const ViTConfig& config);
  Tensor operator()(const Tensor& images);  // (B, C, H, W) -> (B, D): the pooled, normalised token
  Tensor encode(const Tensor& tokens);  // the same from the embeddings' output, (B, T, D) -> (B, D)
  // Attention of every layer for one batch, each (B, heads, T, T).
  std::vector<Tensor> attention_probabilities(const Tensor& images);
  void visit(Visitor& v) override;
  std::string describe() const override { return "ViTModel"; }
};

struct ViTForImageClassification : ImageClassifier {
  ViTModel vit;

  explicit ViTForImageClassification(const ViTConfig& config);
  Tensor features(const Tensor& images) override { return vit(images); }
  std::vector<Tensor> attention_probabilities(const Tensor& images) override;
  Shape shape() const override;
  const ViTConfig& config() const { return vit.config; }
  void visit(Visitor& v) override;
  std::string describe() const override { return "ViTForImageClassification"; }

 protected:
  double set_num_labels(int64_t num_labels) override;
};

}  // namespace papilio::nn
