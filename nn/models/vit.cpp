#include "nn/models/vit.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>

#include "autograd/ops.h"
#include "nn/init.h"
#include "nn/models/detail/encoder.h"
#include "nn/models/detail/model_table.h"
#include "nn/models/detail/position_embeddings.h"
#include "nn/models/detail/vision_config.h"
#include "tensor/files/detail/json.h"

namespace papilio::nn {

void ViTConfig::validate() const {
  check_transformer("ViTConfig", *this);
  check_positive("ViTConfig", "intermediate_size", intermediate_size);
  check(conv_layers >= 0 && conv_layers <= 16, "ViTConfig: expected conv_layers from 0 to 16, got ",
        conv_layers);
  check(conv_layers == 0 || patch_size == int64_t(1) << conv_layers, "ViTConfig: ", conv_layers,
        " conv_layers make patches of ", int64_t(1) << conv_layers, ", patch_size is ", patch_size);
}

ViTEmbeddings::ViTEmbeddings(const ViTConfig& c)
    : patch_size(c.patch_size), dropout(c.hidden_dropout_prob) {
  if (c.conv_layers > 0) {
    conv_stem = std::make_unique<ConvStem>(c.num_channels, c.conv_layers, c.hidden_size);
  } else {
    patch_embeddings = std::make_unique<PatchEmbed>(c.num_channels, c.patch_size, c.hidden_size);
  }
  const int64_t side = c.image_size / c.patch_size;
  const bool with_token = c.pooling == Pooling::class_token;
  if (with_token) cls_token = zero_parameter({1, 1, c.hidden_size});
  position_embeddings = zero_parameter({1, side * side + with_token, c.hidden_size});
}

Tensor ViTEmbeddings::operator()(const Tensor& images) {
  Tensor x = conv_stem ? (*conv_stem)(images) : (*patch_embeddings)(images);
  const int64_t rows = images.size(2) / patch_size, columns = images.size(3) / patch_size;
  const int64_t patches = position_embeddings.size(1) - cls_token.defined();
  const bool fits = rows == columns && rows * columns == patches;
  check(fits || interpolate_pos_encoding, "ViTEmbeddings: expected images with ", patches,
        " patches, got ", images.shape());
  if (cls_token) x = concat({expand(cls_token, {x.size(0), 1, x.size(2)}), x}, 1);
  return dropout(
      x + (fits ? position_embeddings
                : interpolate_positions(position_embeddings, cls_token.defined(), rows, columns)));
}

void ViTEmbeddings::visit(Visitor& v) {
  v.undecayed("cls_token", cls_token);
  v.undecayed("position_embeddings", position_embeddings);
  v("patch_embeddings", patch_embeddings);
  v("conv_stem", conv_stem);
  v("dropout", dropout);
}

ViTLayer::ViTLayer(const ViTConfig& c, double drop_path_rate)
    : layernorm_before(c.hidden_size, c.layer_norm_eps),
      layernorm_after(c.hidden_size, c.layer_norm_eps),
      attention(c.hidden_size, c.num_attention_heads,
                {.qkv_bias = c.qkv_bias,
                 .dropout = c.hidden_dropout_prob,
                 .attention_dropout = c.attention_probs_dropout_prob}),
      intermediate(c.hidden_size, c.intermediate_size),
      output(c.intermediate_size, c.hidden_size),
      act(hidden_act(c.hidden_act)),
      dropout(c.hidden_dropout_prob),
      drop_path(drop_path_rate) {}

Tensor ViTLayer::operator()(const Tensor& x) {
  const auto mlp = [this](const Tensor& n) { return output(activate(intermediate, n, act)); };
  const auto layer = [this, mlp](const Tensor& in) {
    const auto [h, n] =
        layernorm_after.add_and_norm(in, drop_path(attention(layernorm_before(in))));
    return h + drop_path(dropout(mlp_part(mlp, n)));
  };
  return whole(layer, x);
}

Tensor ViTLayer::probabilities(const Tensor& x) {
  return attention.probabilities(layernorm_before(x));
}

void ViTLayer::visit(Visitor& v) {
  v("attention", attention);
  v("intermediate.dense", intermediate);
  v("output.dense", output);
  v("layernorm_before", layernorm_before);
  v("layernorm_after", layernorm_after);
  v("dropout", dropout);
  v("drop_path", drop_path);
}

ViTModel::ViTModel(const ViTConfig& c)
    : config(validated(c)), embeddings(c), layernorm(c.hidden_size, c.layer_norm_eps) {
  layer = layers_by_depth<ViTLayer>(c, c.num_hidden_layers, c.drop_path_rate, c.drop_path_rate);
  if (c.pooling == Pooling::sequence) attention_pool = std::make_unique<Linear>(c.hidden_size, 1);
  initialise_transformer(*this, c.initializer_range);
  if (embeddings.conv_stem) embeddings.conv_stem->reset();
}

Tensor ViTModel::operator()(const Tensor& images) {
  return encode(embeddings(images));
}

Tensor ViTModel::encode(const Tensor& tokens) {
  Tensor x = through_layers(layer, tokens, {});
  // The norm works on each token alone: taking the class token first gives the same for less.
  if (config.pooling == Pooling::class_token) return layernorm(select(x, 1, 0));
  x = layernorm(x);
  if (!attention_pool) return mean(x, {1});
  const Tensor weights = softmax((*attention_pool)(x), 1);  // (B, T, 1)
  return squeeze(matmul(transpose(weights, 1, 2), x), 1);
}

void ViTModel::attention(const Tensor& images, const OnAttention& f) {
  through_layers(layer, embeddings(images), f);
}

void ViTModel::visit(Visitor& v) {
  v("embeddings", embeddings);
  v("encoder.layer", layer);
  v("layernorm", layernorm);
  v("attention_pool", attention_pool);
}

ViTForImageClassification::ViTForImageClassification(const ViTConfig& c) : vit(c) {
  reset_classifier(c.hidden_size, c.num_labels);
}

ImageClassifier::Shape ViTForImageClassification::shape() const {
  const ViTConfig& c = vit.config;
  Shape shape = sizes_shape("vit", c);
  shape.intermediate_size = c.intermediate_size;
  shape.prefix_tokens = c.pooling == Pooling::class_token ? 1 : 0;
  shape.any_size = vit.embeddings.interpolate_pos_encoding;
  if (const auto& stem = vit.embeddings.conv_stem)
    shape.stem_operations = stem->operations(c.image_size);
  return shape;
}

double ViTForImageClassification::set_num_labels(int64_t num_labels) {
  vit.config.num_labels = num_labels;
  return vit.config.initializer_range;
}

ImageClassifier::Positions ViTForImageClassification::set_size(int64_t image_size) {
  vit.config.image_size = image_size;
  return {&vit.embeddings.position_embeddings, vit.embeddings.cls_token.defined() ? 1 : 0, false};
}

void ViTForImageClassification::visit(Visitor& v) {
  v("vit", vit);
  v("classifier", classifier);
}

namespace {

struct PoolingName {
  std::string_view name;
  Pooling pooling;
};
constexpr PoolingName kPoolings[] = {
    {"cls", Pooling::class_token}, {"mean", Pooling::mean}, {"seq", Pooling::sequence}};

}  // namespace

std::unique_ptr<ImageClassifier> make_vit(JsonFields& fields) {
  ViTConfig c;
  read_transformer(fields, c);
  c.intermediate_size = fields.integer("intermediate_size", c.intermediate_size, 1);
  const std::string pooling = fields.string("pooling", "cls");
  const auto named = std::ranges::find(kPoolings, pooling, &PoolingName::name);
  if (named == std::end(kPoolings)) fields.fail("pooling", "\"cls\", \"mean\" or \"seq\"");
  c.pooling = named->pooling;
  c.conv_layers = fields.integer("conv_layers", 0, 0);
  return std::make_unique<ViTForImageClassification>(c);
}

ConfigFields ViTForImageClassification::config_fields() const {
  const ViTConfig& c = vit.config;
  nlohmann::json object = transformer_json(c);
  object["intermediate_size"] = c.intermediate_size;
  object["pooling"] =
      std::string(std::ranges::find(kPoolings, c.pooling, &PoolingName::pooling)->name);
  if (c.conv_layers > 0) object["conv_layers"] = c.conv_layers;
  // Another type than Transformers', so that it does not read what it would compute differently.
  object["model_type"] = c.known_to_transformers() ? "vit" : "papilio_vit";
  object["architectures"] = {c.known_to_transformers() ? "ViTForImageClassification"
                                                       : "PapilioViTForImageClassification"};
  return nn::config_fields(object);
}

const Renamings kViTRenamings = {.layers = {"vit.encoder.layer.", "vit.layers."},
                                 .attention = kAttentionRenamings,
                                 .others = kViTMlpRenamings};

}  // namespace papilio::nn
