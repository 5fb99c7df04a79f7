#include "nn/models/deit.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "autograd/ops.h"
#include "nn/init.h"
#include "nn/models/detail/encoder.h"
#include "nn/models/detail/model_table.h"
#include "nn/models/detail/position_embeddings.h"
#include "nn/models/detail/vision_config.h"
#include "tensor/files/detail/json.h"

namespace papilio::nn {

void DeiTConfig::validate() const {
  check_transformer("DeiTConfig", *this);
  check_positive("DeiTConfig", "intermediate_size", intermediate_size);
}

namespace {

constexpr const char* kWithTeacher = "DeiTForImageClassificationWithTeacher";

}  // namespace

DeiTEmbeddings::DeiTEmbeddings(const DeiTConfig& c)
    : cls_token(zero_parameter({1, 1, c.hidden_size})),
      distillation_token(zero_parameter({1, 1, c.hidden_size})),
      patch_embeddings(c.num_channels, c.patch_size, c.hidden_size),
      dropout(c.hidden_dropout_prob) {
  const int64_t side = c.image_size / c.patch_size;
  position_embeddings = zero_parameter({1, 2 + side * side, c.hidden_size});
}

Tensor DeiTEmbeddings::operator()(const Tensor& images) {
  const Tensor patches = patch_embeddings(images);
  const int64_t B = patches.size(0), D = patches.size(2), p = patch_embeddings.patch_size;
  const int64_t rows = images.size(2) / p, columns = images.size(3) / p;
  const bool fits = rows == columns && 2 + rows * columns == position_embeddings.size(1);
  const Tensor positions =
      fits ? position_embeddings : interpolate_positions(position_embeddings, 2, rows, columns);
  const Tensor tokens =
      concat({expand(cls_token, {B, 1, D}), expand(distillation_token, {B, 1, D}), patches}, 1);
  return dropout(tokens + positions);
}

void DeiTEmbeddings::visit(Visitor& v) {
  v.undecayed("cls_token", cls_token);
  v.undecayed("distillation_token", distillation_token);
  v.undecayed("position_embeddings", position_embeddings);
  v("patch_embeddings", patch_embeddings);
  v("dropout", dropout);
}

DeiTModel::DeiTModel(const DeiTConfig& c)
    : config(validated(c)), embeddings(c), layernorm(c.hidden_size, c.layer_norm_eps) {
  layer = layers_by_depth<ViTLayer>(c, c.num_hidden_layers, c.drop_path_rate, c.drop_path_rate);
  initialise_transformer(*this, c.initializer_range);
}

Tensor DeiTModel::operator()(const Tensor& images) {
  return through_layers(layer, embeddings(images), {});
}

void DeiTModel::attention(const Tensor& images, const OnAttention& f) {
  through_layers(layer, embeddings(images), f);
}

void DeiTModel::visit(Visitor& v) {
  v("embeddings", embeddings);
  v("encoder.layer", layer);
  v("layernorm", layernorm);
}

DeiTForImageClassification::DeiTForImageClassification(const DeiTConfig& c)
    : deit(c), distillation_classifier(0, 0) {
  reset_classifier(c.hidden_size, c.num_labels);
}

Tensor DeiTForImageClassification::features(const Tensor& images) {
  const Tensor x = deit(images);
  // The norm works on each token alone.
  const int64_t seen = config().with_teacher ? 2 : 1;
  return flatten(deit.layernorm(slice(x, 1, 0, seen)), 1, 2);
}

Tensor DeiTForImageClassification::logits(const Tensor& features) {
  if (!config().with_teacher) return classifier(features);
  const int64_t D = config().hidden_size;
  return (classifier(slice(features, 1, 0, D)) + distillation_classifier(slice(features, 1, D))) *
         0.5;
}

std::vector<ImageClassifier::Head> DeiTForImageClassification::heads() {
  if (!config().with_teacher) return {{"classifier", &classifier}};
  return {{"cls_classifier", &classifier}, {"distillation_classifier", &distillation_classifier}};
}

ImageClassifier::Shape DeiTForImageClassification::shape() const {
  Shape shape = sizes_shape("deit", config());
  shape.intermediate_size = config().intermediate_size;
  shape.prefix_tokens = 2;
  shape.registers = 1;  // the distillation token
  shape.image_processor = "DeiTImageProcessor";
  shape.imagenet_statistics = true;
  return shape;
}

double DeiTForImageClassification::set_num_labels(int64_t num_labels) {
  deit.config.num_labels = num_labels;
  return deit.config.initializer_range;
}

ImageClassifier::Positions DeiTForImageClassification::set_size(int64_t image_size) {
  deit.config.image_size = image_size;
  return {&deit.embeddings.position_embeddings, 2, false};
}

void DeiTForImageClassification::visit(Visitor& v) {
  v("deit", deit);
  for (const Head& head : heads()) v(head.path, *head.layer);
}

std::string DeiTForImageClassification::describe() const {
  return config().with_teacher ? kWithTeacher : "DeiTForImageClassification";
}

std::unique_ptr<ImageClassifier> make_deit(JsonFields& fields) {
  DeiTConfig c;
  read_transformer(fields, c);
  c.intermediate_size = fields.integer("intermediate_size", c.intermediate_size, 1);
  c.with_teacher = std::ranges::count(fields.strings("architectures"), kWithTeacher) > 0;
  return std::make_unique<DeiTForImageClassification>(c);
}

ConfigFields DeiTForImageClassification::config_fields() const {
  const DeiTConfig& c = config();
  nlohmann::json object = transformer_json(c);
  object["intermediate_size"] = c.intermediate_size;
  object["model_type"] = "deit";
  object["architectures"] = {describe()};
  return nn::config_fields(object);
}

const Renamings kDeiTRenamings = {.layers = {"deit.encoder.layer.", "deit.layers."},
                                  .attention = kAttentionRenamings,
                                  .others = kViTMlpRenamings};

}  // namespace papilio::nn
