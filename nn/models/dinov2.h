// DINOv2 (arXiv 2304.07193), also with registers (arXiv 2309.16588), with the fields and parameter
// names of Hugging Face Transformers' Dinov2ForImageClassification and
// Dinov2WithRegistersForImageClassification.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nn/layers/block.h"
#include "nn/layers/dropout.h"
#include "nn/layers/layer_norm.h"
#include "nn/layers/layer_scale.h"
#include "nn/layers/mlp.h"
#include "nn/layers/multi_head_attention.h"
#include "nn/layers/patch_embed.h"
#include "nn/layers/swiglu.h"
#include "nn/models/image_classifier.h"
#include "nn/models/pretrained_model.h"

namespace papilio::nn {

struct Renamings;  // nn/models/detail/model_table.h

// Fields as in Transformers' Dinov2Config; the defaults are DINOv2-base's. Sizes are in pixels.
struct Dinov2Config {
  int64_t image_size = 518;
  int64_t patch_size = 14;
  int64_t num_channels = 3;
  int64_t hidden_size = 768;
  int64_t num_hidden_layers = 12;
  int64_t num_attention_heads = 12;
  double mlp_ratio = 4;
  int64_t num_labels = 1000;
  // Dinov2WithRegisters: tokens between the class token and the patches. It is a model of its own,
  // also with 0 of them; -1 is DINOv2 without.
  int64_t num_register_tokens = -1;
  std::string hidden_act = "gelu";  // nn/layers/hidden_act.h; SwiGLU does not ask
  bool use_swiglu_ffn = false;
  bool use_mask_token = true;
  bool qkv_bias = true;
  double layerscale_value = 1;
  double hidden_dropout_prob = 0;  // of the embeddings
  double attention_probs_dropout_prob = 0;
  double drop_path_rate = 0;  // the same in every layer, as there
  double layer_norm_eps = 1e-6;
  double initializer_range = 0.02;

  // Has the model register tokens? The width of its MLPs.
  bool with_registers() const { return num_register_tokens >= 0; }
  const char* model_type() const { return with_registers() ? "dinov2_with_registers" : "dinov2"; }
  int64_t intermediate_size() const { return int64_t(double(hidden_size) * mlp_ratio); }
  // Throws ArgumentError for sizes below 1, a patch larger than the image, heads that do not
  // divide, an unknown activation, and rates outside [0, 1).
  void validate() const;
};

// Class token, registers, patches and positions: (B, C, H, W) -> (B, T, D).
struct Dinov2Embeddings : Module {
  Tensor cls_token;            // (1, 1, D)
  Tensor mask_token;           // (1, D): of pretraining; no computation here uses it
  Tensor register_tokens;      // (1, R, D); undefined without registers
  Tensor position_embeddings;  // (1, 1 + patches, D); resized for images of another size
  PatchEmbed patch_embeddings;
  Dropout dropout;

  explicit Dinov2Embeddings(const Dinov2Config& config);
  Tensor operator()(const Tensor& images);  // (B, C, H, W) -> (B, 1 + R + patches, D)
  void visit(Visitor& v) override;
  std::string describe() const override { return "Dinov2Embeddings"; }
};

// x + scale1 * attention(norm1(x)), then x + scale2 * mlp(norm2(x)).
struct Dinov2Layer : Block {
  LayerNorm norm1, norm2;
  MultiHeadAttention attention;
  LayerScale layer_scale1, layer_scale2;
  std::unique_ptr<Mlp> mlp;  // one of the two
  std::unique_ptr<SwiGlu> swiglu;
  DropPath drop_path;

  explicit Dinov2Layer(const Dinov2Config& config);
  Tensor operator()(const Tensor& x);     // (B, T, D) -> (B, T, D)
  Tensor probabilities(const Tensor& x);  // of its attention: (B, heads, T, T)
  void visit(Visitor& v) override;
  std::string describe() const override { return "Dinov2Layer"; }
};

// The backbone, as Transformers' Dinov2Model and Dinov2WithRegistersModel.
struct Dinov2Model : Module {
  Dinov2Config config;
  Dinov2Embeddings embeddings;
  std::vector<Dinov2Layer> layer;
  LayerNorm layernorm;

  explicit Dinov2Model(const Dinov2Config& config);
  Tensor operator()(const Tensor& images);  // (B, C, H, W) -> (B, T, D), normalised
  // Calls f with each layer's attention, (B, heads, T, T), the first layer first.
  void attention(const Tensor& images, const OnAttention& f);
  void visit(Visitor& v) override;
  std::string describe() const override { return "Dinov2Model"; }
};

// The classifier sees the class token beside the mean of the patches' tokens: 2 D inputs.
struct Dinov2ForImageClassification : ImageClassifier {
  Dinov2Model dinov2;

  explicit Dinov2ForImageClassification(const Dinov2Config& config);
  Tensor features(const Tensor& images) override;
  void attention(const Tensor& images, const OnAttention& f) override {
    dinov2.attention(images, f);
  }
  Shape shape() const override;
  ConfigFields config_fields() const override;
  void before_loading(StateDict& tensors) override;
  // What the model was made from.
  const Dinov2Config& config() const { return dinov2.config; }
  void visit(Visitor& v) override;
  std::string describe() const override;

 protected:
  double set_num_labels(int64_t num_labels) override;
  Positions set_size(int64_t image_size) override;
};

// Their rows in the table of models (nn/models/detail/model_table.h).
std::unique_ptr<ImageClassifier> make_dinov2(JsonFields& fields);
std::unique_ptr<ImageClassifier> make_dinov2_with_registers(JsonFields& fields);
extern const Renamings kDinov2Renamings, kDinov2WithRegistersRenamings;

}  // namespace papilio::nn
