// The vision transformer (arXiv 2010.11929) with the fields and parameter names of Hugging Face
// Transformers' ViTForImageClassification, so that checkpoints and target_modules mean the same
// here and there.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nn/layers/block.h"
#include "nn/layers/conv_stem.h"
#include "nn/layers/dropout.h"
#include "nn/layers/hidden_act.h"
#include "nn/layers/layer_norm.h"
#include "nn/layers/linear.h"
#include "nn/layers/multi_head_attention.h"
#include "nn/layers/patch_embed.h"
#include "nn/models/image_classifier.h"
#include "nn/models/pretrained_model.h"

namespace papilio::nn {

struct Renamings;  // nn/models/detail/model_table.h

// How the tokens become one: the class token, their mean, or (CCT, arXiv 2104.05704) their mean
// weighted by softmax(attention_pool(x)) over the tokens.
enum class Pooling { class_token, mean, sequence };

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
  // CCT: so many convolutions with pooling (nn/layers/conv_stem.h) in the patches' place, which
  // halve the image each: patch_size is then 2^conv_layers. 0: patches.
  int64_t conv_layers = 0;

  // Transformers has neither mean and sequence pooling nor convolutions.
  bool known_to_transformers() const { return pooling == Pooling::class_token && conv_layers == 0; }

  // Throws ArgumentError for sizes below 1, a patch larger than the image, heads that do not
  // divide, an unknown activation, and rates outside [0, 1).
  void validate() const;
};

// Patches (or the convolutional stem's tokens), class token and positions: (B, C, H, W) -> (B, T,
// D).
struct ViTEmbeddings : Module {
  Tensor cls_token;                              // (1, 1, D); undefined without class_token pooling
  Tensor position_embeddings;                    // (1, T, D)
  std::unique_ptr<PatchEmbed> patch_embeddings;  // one of the two
  std::unique_ptr<ConvStem> conv_stem;
  int64_t patch_size;
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
struct ViTLayer : Block {
  LayerNorm layernorm_before, layernorm_after;
  MultiHeadAttention attention;
  Linear intermediate, output;
  HiddenAct act;
  Dropout dropout;
  DropPath drop_path;

  ViTLayer(const ViTConfig& config, double drop_path_rate);
  Tensor operator()(const Tensor& x);     // (B, T, D) -> (B, T, D)
  Tensor probabilities(const Tensor& x);  // of its attention: (B, heads, T, T)
  void visit(Visitor& v) override;
  std::string describe() const override { return "ViTLayer"; }
};

// The backbone, as Transformers' ViTModel without its pooler.
struct ViTModel : Module {
  ViTConfig config;
  ViTEmbeddings embeddings;
  std::vector<ViTLayer> layer;
  LayerNorm layernorm;
  std::unique_ptr<Linear> attention_pool;  // D -> 1; null without sequence pooling

  explicit ViTModel(const ViTConfig& config);
  Tensor operator()(const Tensor& images);  // (B, C, H, W) -> (B, D): the pooled, normalised token
  Tensor encode(const Tensor& tokens);  // the same from the embeddings' output, (B, T, D) -> (B, D)
  // Calls f with each layer's attention, (B, heads, T, T), the first layer first.
  void attention(const Tensor& images, const OnAttention& f);
  void visit(Visitor& v) override;
  std::string describe() const override { return "ViTModel"; }
};

// Transformers' ViTForImageClassification: a backbone and a linear classifier.
struct ViTForImageClassification : ImageClassifier {
  ViTModel vit;

  explicit ViTForImageClassification(const ViTConfig& config);
  Tensor features(const Tensor& images) override { return vit(images); }
  void attention(const Tensor& images, const OnAttention& f) override { vit.attention(images, f); }
  Shape shape() const override;
  ConfigFields config_fields() const override;
  void take_any_size() override { vit.embeddings.interpolate_pos_encoding = true; }
  // What the model was made from.
  const ViTConfig& config() const { return vit.config; }
  void visit(Visitor& v) override;
  std::string describe() const override { return "ViTForImageClassification"; }

 protected:
  double set_num_labels(int64_t num_labels) override;
  Positions set_size(int64_t image_size) override;
};

// Its row in the table of models (nn/models/detail/model_table.h).
std::unique_ptr<ImageClassifier> make_vit(JsonFields& fields);
extern const Renamings kViTRenamings;

}  // namespace papilio::nn
