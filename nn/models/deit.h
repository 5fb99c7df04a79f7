// DeiT (arXiv 2012.12877), with the fields and parameter names of Hugging Face Transformers'
// DeiTForImageClassification and DeiTForImageClassificationWithTeacher: a ViT with a distillation
// token behind the class token.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nn/layers/dropout.h"
#include "nn/layers/layer_norm.h"
#include "nn/layers/linear.h"
#include "nn/layers/patch_embed.h"
#include "nn/models/image_classifier.h"
#include "nn/models/pretrained_model.h"
#include "nn/models/vit.h"

namespace papilio::nn {

struct Renamings;  // nn/models/detail/model_table.h

// Fields and defaults as in Transformers' DeiTConfig, which are ViTConfig's.
struct DeiTConfig : ViTConfig {
  // ...WithTeacher: a classifier for each of the two tokens, whose logits are averaged.
  bool with_teacher = false;

  // Throws as ViTConfig does.
  void validate() const;
};

// Class token, distillation token, patches and positions: (B, C, H, W) -> (B, T, D).
struct DeiTEmbeddings : Module {
  Tensor cls_token, distillation_token;  // (1, 1, D)
  Tensor position_embeddings;            // (1, 2 + patches, D); resized for other images
  PatchEmbed patch_embeddings;
  Dropout dropout;

  explicit DeiTEmbeddings(const DeiTConfig& config);
  Tensor operator()(const Tensor& images);  // (B, C, H, W) -> (B, 2 + patches, D)
  void visit(Visitor& v) override;
  std::string describe() const override { return "DeiTEmbeddings"; }
};

// The backbone, as Transformers' DeiTModel without its pooler.
struct DeiTModel : Module {
  DeiTConfig config;
  DeiTEmbeddings embeddings;
  std::vector<ViTLayer> layer;
  LayerNorm layernorm;

  explicit DeiTModel(const DeiTConfig& config);
  Tensor operator()(const Tensor& images);  // (B, C, H, W) -> (B, T, D), not normalised
  // Calls f with each layer's attention, (B, heads, T, T), the first layer first.
  void attention(const Tensor& images, const OnAttention& f);
  void visit(Visitor& v) override;
  std::string describe() const override { return "DeiTModel"; }
};

// With a teacher `classifier` is called cls_classifier, and the features are those of both tokens,
// 2 D numbers; logits: the mean of both classifiers'.
struct DeiTForImageClassification : ImageClassifier {
  DeiTModel deit;
  Linear distillation_classifier;  // of no size without a teacher

  explicit DeiTForImageClassification(const DeiTConfig& config);
  Tensor features(const Tensor& images) override;
  Tensor logits(const Tensor& features) override;
  void attention(const Tensor& images, const OnAttention& f) override { deit.attention(images, f); }
  Shape shape() const override;
  ConfigFields config_fields() const override;
  std::vector<Head> heads() override;
  // What the model was made from.
  const DeiTConfig& config() const { return deit.config; }
  void visit(Visitor& v) override;
  std::string describe() const override;

 protected:
  double set_num_labels(int64_t num_labels) override;
  Positions set_size(int64_t image_size) override;
};

// Its row in the table of models (nn/models/detail/model_table.h).
std::unique_ptr<ImageClassifier> make_deit(JsonFields& fields);
extern const Renamings kDeiTRenamings;

}  // namespace papilio::nn
