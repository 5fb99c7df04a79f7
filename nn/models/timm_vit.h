// timm's VisionTransformer, with its parameter names and the fields of its model_args: patches,
// class token or none, registers, fused query, key and value, layer scale, norm before the blocks
// (CLIP) or behind the pooling; and its VisionTransformerDistilled (DeiT), with a second token and
// its own head.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nn/layers/block.h"
#include "nn/layers/dropout.h"
#include "nn/layers/layer_norm.h"
#include "nn/layers/layer_scale.h"
#include "nn/layers/linear.h"
#include "nn/layers/mlp.h"
#include "nn/layers/patch_embed.h"
#include "nn/layers/qkv_attention.h"
#include "nn/models/image_classifier.h"
#include "nn/models/pretrained_model.h"

namespace papilio::nn {

// Fields and defaults as in timm's VisionTransformer. Sizes are in pixels.
struct TimmViTConfig {
  std::string architecture = "vit_base_patch16_224";
  int64_t img_size = 224;
  int64_t patch_size = 16;
  int64_t in_chans = 3;
  int64_t num_classes = 1000;
  int64_t embed_dim = 768;
  int64_t depth = 12;
  int64_t num_heads = 12;
  double mlp_ratio = 4;
  bool qkv_bias = true;
  double init_values = 0;  // of the layer scale; 0: there is none
  bool class_token = true;
  int64_t reg_tokens = 0;
  bool distilled = false;             // a distillation token behind the class token, with a head
  bool no_embed_class = false;        // positions are of the patches alone
  bool pre_norm = false;              // a norm before the blocks, patches without bias
  std::string global_pool = "token";  // or "avg": the mean of the patches
  bool fc_norm = false;               // the last norm stands behind the pooling
  bool pool_include_prefix = false;   // class token and registers count in the mean
  std::string act_layer = "gelu";     // gelu, gelu_tanh, quick_gelu, relu, silu
  double eps = 1e-6;                  // of the norms
  // Dropout in training.
  double drop_rate = 0;       // of the pooled token
  double pos_drop_rate = 0;   // of the tokens at first
  double proj_drop_rate = 0;  // of projections
  double attn_drop_rate = 0;  // of attention's probabilities
  double drop_path_rate = 0;  // of the last block's branches; from 0 at the first, in equal steps

  // Tokens before the patches'; the MLPs' width.
  int64_t prefix_tokens() const { return int64_t(class_token) + int64_t(distilled) + reg_tokens; }
  int64_t hidden() const { return int64_t(double(embed_dim) * mlp_ratio); }
  // Throws ArgumentError for sizes below 1, a patch larger than the image, heads that do not
  // divide, and what timm does not have.
  void validate() const;
};

// x + ls1(attn(norm1(x))), then x + ls2(mlp(norm2(x))).
struct TimmViTBlock : Block {
  LayerNorm norm1, norm2;
  QkvAttention attn;
  Mlp mlp;
  std::unique_ptr<LayerScale> ls1, ls2;  // null without layer scale
  DropPath drop_path;

  TimmViTBlock(const TimmViTConfig& config, double drop_path_rate);
  Tensor operator()(const Tensor& x);     // (B, T, D) -> (B, T, D)
  Tensor probabilities(const Tensor& x);  // of its attention: (B, heads, T, T)
  void visit(Visitor& v) override;
  std::string describe() const override { return "TimmViTBlock"; }
};

// The model; its classifier is called head. Images of another size get positions resized as timm
// resizes them (bicubic, smoothed). A distilled one's features are those of both tokens, 2 D
// numbers, and its logits the mean of both heads'.
struct TimmViT : ImageClassifier {
  TimmViTConfig config;
  PatchEmbed patch_embed;
  Tensor cls_token;   // (1, 1, D); undefined without
  Tensor dist_token;  // (1, 1, D); undefined without
  Tensor reg_token;   // (1, R, D); undefined without
  Tensor pos_embed;   // (1, patches, D), or with the prefix tokens before the patches
  std::vector<TimmViTBlock> blocks;
  // Before the blocks; behind them; behind the pooling. One of the last two is null.
  std::unique_ptr<LayerNorm> norm_pre, norm, fc_norm;
  Dropout pos_drop, head_drop;
  Linear head_dist;  // of no size unless distilled

  explicit TimmViT(const TimmViTConfig& config);
  Tensor features(const Tensor& images) override;
  Tensor logits(const Tensor& features) override;
  void attention(const Tensor& images, const OnAttention& f) override;
  Shape shape() const override;
  ConfigFields config_fields() const override;
  ConfigFields label_fields(const std::vector<std::string>& class_names) const override;
  std::string backbone_prefix() const override { return ""; }
  std::vector<Head> heads() override;
  void visit(Visitor& v) override;
  std::string describe() const override { return "TimmViT"; }

 protected:
  double set_num_labels(int64_t num_labels) override;
  Positions set_size(int64_t image_size) override;

 private:
  Tensor embed(const Tensor& images);  // (B, C, H, W) -> (B, T, D)
  Tensor pool(const Tensor& x);        // (B, T, D) -> (B, D)
};

// Its row in the table of models (nn/models/detail/model_table.h).
std::unique_ptr<ImageClassifier> make_timm_vit(JsonFields& fields);
std::vector<std::string> timm_class_names(JsonFields& fields, int64_t num_labels,
                                          std::vector<std::string>& warnings);

}  // namespace papilio::nn
