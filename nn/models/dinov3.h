// DINOv3 (arXiv 2508.10104), with the fields of Hugging Face Transformers' DINOv3ViTConfig and the
// parameter names of its checkpoints. Transformers 5.24 has no classifier on it; here one sees the
// class token, which is what DINOv3ViTModel calls pooler_output.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nn/layers/block.h"
#include "nn/layers/dropout.h"
#include "nn/layers/hidden_act.h"
#include "nn/layers/layer_norm.h"
#include "nn/layers/layer_scale.h"
#include "nn/layers/linear.h"
#include "nn/layers/patch_embed.h"
#include "nn/layers/rotary_attention.h"
#include "nn/models/image_classifier.h"
#include "nn/models/pretrained_model.h"

namespace papilio::nn {

struct Renamings;  // nn/models/detail/model_table.h

// Fields and defaults as in Transformers. Sizes are in pixels.
struct DINOv3Config {
  int64_t image_size = 224;
  int64_t patch_size = 16;
  int64_t num_channels = 3;
  int64_t hidden_size = 384;
  int64_t intermediate_size = 1536;
  int64_t num_hidden_layers = 12;
  int64_t num_attention_heads = 6;
  int64_t num_register_tokens = 0;
  int64_t num_labels = 2;
  std::string hidden_act = "gelu";  // nn/layers/hidden_act.h
  double rope_theta = 100;
  bool query_bias = true, key_bias = false, value_bias = true, proj_bias = true, mlp_bias = true;
  bool use_gated_mlp = false;
  double layerscale_value = 1;
  double attention_dropout = 0;
  double drop_path_rate = 0;  // the same in every layer, as there
  double layer_norm_eps = 1e-5;
  double initializer_range = 0.02;
  // In training the patches' coordinates are moved by up to the shift, and multiplied by random
  // factors between 1 / x and x: one a dimension (jitter), one for both (rescale).
  std::optional<double> pos_embed_shift = {}, pos_embed_jitter = {}, pos_embed_rescale = 2;

  // Throws ArgumentError for sizes below 1, a patch larger than the image, heads that do not divide
  // or whose width is no multiple of 4, an unknown activation, and rates outside [0, 1).
  void validate() const;
};

// Class token, registers and patches, without positions: (B, C, H, W) -> (B, 1 + R + patches, D).
struct DINOv3Embeddings : Module {
  Tensor cls_token;        // (1, 1, D)
  Tensor mask_token;       // (1, 1, D): of pretraining; no computation here uses it
  Tensor register_tokens;  // (1, R, D)
  PatchEmbed patch_embeddings;

  explicit DINOv3Embeddings(const DINOv3Config& config);
  Tensor operator()(const Tensor& images);
  void visit(Visitor& v) override;
  std::string describe() const override { return "DINOv3Embeddings"; }
};

// down_proj(act(up_proj(x))), or down_proj(act(gate_proj(x)) * up_proj(x)). x: (..., D).
struct DINOv3Mlp : Module {
  std::unique_ptr<Linear> gate_proj;  // null without
  Linear up_proj, down_proj;
  HiddenAct act;

  explicit DINOv3Mlp(const DINOv3Config& config);
  Tensor operator()(const Tensor& x);
  void visit(Visitor& v) override;
  std::string describe() const override { return "DINOv3Mlp"; }
};

// x + scale1 * attention(norm1(x)), then x + scale2 * mlp(norm2(x)).
struct DINOv3Layer : Block {
  LayerNorm norm1, norm2;
  RotaryAttention attention;
  LayerScale layer_scale1, layer_scale2;
  DINOv3Mlp mlp;
  DropPath drop_path;

  explicit DINOv3Layer(const DINOv3Config& config);
  Tensor operator()(const Tensor& x, const RotaryPositions& positions);  // (B, T, D) -> (B, T, D)
  // Its attention's probabilities: (B, heads, T, T).
  Tensor probabilities(const Tensor& x, const RotaryPositions& positions);
  void visit(Visitor& v) override;
  std::string describe() const override { return "DINOv3Layer"; }
};

// Backbone and classifier side by side, so that Transformers' DINOv3ViTModel reads the folder.
struct DINOv3ForImageClassification : ImageClassifier {
  DINOv3Config config;
  DINOv3Embeddings embeddings;
  std::vector<DINOv3Layer> layer;
  LayerNorm norm;

  explicit DINOv3ForImageClassification(const DINOv3Config& config);
  Tensor features(const Tensor& images) override;
  void attention(const Tensor& images, const OnAttention& f) override;
  Shape shape() const override;
  ConfigFields config_fields() const override;
  std::string backbone_prefix() const override { return ""; }
  void visit(Visitor& v) override;
  std::string describe() const override { return "DINOv3ForImageClassification"; }

 protected:
  double set_num_labels(int64_t num_labels) override;
  Positions set_size(int64_t image_size) override;

 private:
  RotaryPositions positions(const Tensor& images) const;
};

// Its row in the table of models (nn/models/detail/model_table.h).
std::unique_ptr<ImageClassifier> make_dinov3(JsonFields& fields);
extern const Renamings kDINOv3Renamings;

}  // namespace papilio::nn
