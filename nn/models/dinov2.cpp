#include "nn/models/dinov2.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "autograd/ops.h"
#include "nn/init.h"
#include "nn/models/detail/encoder.h"
#include "nn/models/detail/model_table.h"
#include "nn/models/detail/position_embeddings.h"
#include "nn/models/detail/transformers_names.h"
#include "nn/models/detail/vision_config.h"
#include "tensor/files/detail/json.h"

namespace papilio::nn {

void Dinov2Config::validate() const {
  check_transformer("Dinov2Config", *this);
  check(mlp_ratio > 0 && mlp_ratio <= 1024, "Dinov2Config: expected mlp_ratio from 0 to 1024, got ",
        mlp_ratio);
  check_positive("Dinov2Config", "hidden_size * mlp_ratio", intermediate_size());
  check(num_register_tokens >= -1, "Dinov2Config: expected num_register_tokens >= 0, got ",
        num_register_tokens);
}

Dinov2Embeddings::Dinov2Embeddings(const Dinov2Config& c)
    : cls_token(zero_parameter({1, 1, c.hidden_size})),
      patch_embeddings(c.num_channels, c.patch_size, c.hidden_size),
      dropout(c.hidden_dropout_prob) {
  const int64_t side = c.image_size / c.patch_size;
  if (c.use_mask_token) mask_token = zero_parameter({1, c.hidden_size});
  if (c.with_registers())
    register_tokens = zero_parameter({1, c.num_register_tokens, c.hidden_size});
  position_embeddings = zero_parameter({1, 1 + side * side, c.hidden_size});
}

Tensor Dinov2Embeddings::operator()(const Tensor& images) {
  const Tensor patches = patch_embeddings(images);
  const int64_t B = patches.size(0), D = patches.size(2);
  const int64_t rows = images.size(2) / patch_embeddings.patch_size,
                columns = images.size(3) / patch_embeddings.patch_size;
  const bool fits = rows == columns && rows * columns + 1 == position_embeddings.size(1);
  // As there: DINOv2's positions are resized plainly, those of the registers' variant smoothed.
  const Tensor positions = fits ? position_embeddings
                                : interpolate_positions(position_embeddings, 1, rows, columns,
                                                        register_tokens.defined());
  const Tensor x = concat({expand(cls_token, {B, 1, D}), patches}, 1) + positions;
  if (!register_tokens) return dropout(x);
  // Registers have no position.
  const Tensor registers = expand(register_tokens, {B, register_tokens.size(1), D});
  return dropout(concat({slice(x, 1, 0, 1), registers, slice(x, 1, 1)}, 1));
}

void Dinov2Embeddings::visit(Visitor& v) {
  v.undecayed("cls_token", cls_token);
  v.undecayed("mask_token", mask_token);
  v.undecayed("register_tokens", register_tokens);
  v.undecayed("position_embeddings", position_embeddings);
  v("patch_embeddings", patch_embeddings);
  v("dropout", dropout);
}

Dinov2Layer::Dinov2Layer(const Dinov2Config& c)
    : norm1(c.hidden_size, c.layer_norm_eps),
      norm2(c.hidden_size, c.layer_norm_eps),
      attention(c.hidden_size, c.num_attention_heads,
                {.qkv_bias = c.qkv_bias, .attention_dropout = c.attention_probs_dropout_prob}),
      layer_scale1(c.hidden_size, c.layerscale_value),
      layer_scale2(c.hidden_size, c.layerscale_value),
      drop_path(c.drop_path_rate) {
  if (c.use_swiglu_ffn) {
    swiglu = std::make_unique<SwiGlu>(c.hidden_size, c.intermediate_size());
  } else {
    mlp = std::make_unique<Mlp>(c.hidden_size, c.intermediate_size(), 0, hidden_act(c.hidden_act));
  }
}

Tensor Dinov2Layer::operator()(const Tensor& x) {
  const auto either = [this](const Tensor& n) { return swiglu ? (*swiglu)(n) : (*mlp)(n); };
  const auto layer = [this, either](const Tensor& in) {
    const auto [h, n] = norm2.add_and_norm(in, drop_path(layer_scale1(attention(norm1(in)))));
    return h + drop_path(layer_scale2(mlp_part(either, n)));
  };
  return whole(layer, x);
}

Tensor Dinov2Layer::probabilities(const Tensor& x) {
  return attention.probabilities(norm1(x));
}

void Dinov2Layer::visit(Visitor& v) {
  v("norm1", norm1);
  v("attention", attention);
  v("layer_scale1", layer_scale1);
  v("norm2", norm2);
  v("mlp", mlp);
  v("mlp", swiglu);
  v("layer_scale2", layer_scale2);
  v("drop_path", drop_path);
}

Dinov2Model::Dinov2Model(const Dinov2Config& c)
    : config(validated(c)), embeddings(c), layernorm(c.hidden_size, c.layer_norm_eps) {
  layer.reserve(size_t(c.num_hidden_layers));
  for (int64_t i = 0; i < c.num_hidden_layers; ++i) layer.emplace_back(c);
  initialise_transformer(*this, c.initializer_range);
  for (const Tensor& token : {embeddings.mask_token, embeddings.register_tokens}) {
    if (token) constant_(token, 0);
  }
}

Tensor Dinov2Model::operator()(const Tensor& images) {
  return layernorm(through_layers(layer, embeddings(images), {}));
}

void Dinov2Model::attention(const Tensor& images, const OnAttention& f) {
  through_layers(layer, embeddings(images), f);
}

void Dinov2Model::visit(Visitor& v) {
  v("embeddings", embeddings);
  v("encoder.layer", layer);
  v("layernorm", layernorm);
}

Dinov2ForImageClassification::Dinov2ForImageClassification(const Dinov2Config& c) : dinov2(c) {
  reset_classifier(2 * c.hidden_size, c.num_labels);
}

Tensor Dinov2ForImageClassification::features(const Tensor& images) {
  const Tensor x = dinov2(images);
  const int64_t first_patch = shape().prefix_tokens;
  return concat({select(x, 1, 0), mean(slice(x, 1, first_patch), {1})}, 1);
}

ImageClassifier::Shape Dinov2ForImageClassification::shape() const {
  const Dinov2Config& c = dinov2.config;
  Shape shape = sizes_shape(c.model_type(), c);
  shape.intermediate_size = c.intermediate_size();
  shape.registers = std::max<int64_t>(c.num_register_tokens, 0);
  shape.prefix_tokens = 1 + shape.registers;
  shape.image_processor = "BitImageProcessor";
  shape.imagenet_statistics = true;
  // It takes any size, and its files ask for 224 of 256 although its models say 518.
  shape.picture_side = std::min<int64_t>(c.image_size, 224);
  return shape;
}

void Dinov2ForImageClassification::visit(Visitor& v) {
  v(dinov2.config.model_type(), dinov2);
  v("classifier", classifier);
}

std::string Dinov2ForImageClassification::describe() const {
  return dinov2.config.with_registers() ? "Dinov2WithRegistersForImageClassification"
                                        : "Dinov2ForImageClassification";
}

double Dinov2ForImageClassification::set_num_labels(int64_t num_labels) {
  dinov2.config.num_labels = num_labels;
  return dinov2.config.initializer_range;
}

ImageClassifier::Positions Dinov2ForImageClassification::set_size(int64_t image_size) {
  dinov2.config.image_size = image_size;
  return {&dinov2.embeddings.position_embeddings, 1, dinov2.embeddings.register_tokens.defined()};
}

namespace {

std::unique_ptr<ImageClassifier> make(JsonFields& fields, bool with_registers) {
  Dinov2Config c;
  // Transformers' defaults, not those of the published models.
  c.image_size = 224;
  if (with_registers) c.patch_size = 16;
  read_transformer(fields, c);
  c.mlp_ratio = fields.number("mlp_ratio", c.mlp_ratio);
  c.layerscale_value = fields.number("layerscale_value", c.layerscale_value);
  c.use_swiglu_ffn = fields.boolean("use_swiglu_ffn", c.use_swiglu_ffn);
  c.use_mask_token = with_registers || fields.boolean("use_mask_token", c.use_mask_token);
  c.num_register_tokens = with_registers ? fields.integer("num_register_tokens", 4, 0) : -1;
  return std::make_unique<Dinov2ForImageClassification>(c);
}

// Transformers 5 may have split SwiGLU's first layer.
void join_swiglu(StateDict& tensors) {
  std::map<std::string, std::array<std::string, 2>> halves;  // names by the whole's
  for (const auto& [name, tensor] : tensors) {
    if (const auto half = half_of(name)) halves[half->whole][half->index] = name;
  }
  for (const auto& [whole, names] : halves) {
    if (names[0].empty() || names[1].empty()) continue;
    tensors[whole] = concat({tensors[names[0]], tensors[names[1]]});
    for (const std::string& name : names) tensors.erase(name);
  }
}

}  // namespace

std::unique_ptr<ImageClassifier> make_dinov2(JsonFields& fields) {
  return make(fields, false);
}

std::unique_ptr<ImageClassifier> make_dinov2_with_registers(JsonFields& fields) {
  return make(fields, true);
}

ConfigFields Dinov2ForImageClassification::config_fields() const {
  const Dinov2Config& c = dinov2.config;
  nlohmann::json object = transformer_json(c);
  const bool whole = c.mlp_ratio == double(int64_t(c.mlp_ratio));  // Transformers wants an integer
  object["mlp_ratio"] = whole ? nlohmann::json(int64_t(c.mlp_ratio)) : nlohmann::json(c.mlp_ratio);
  object["layerscale_value"] = c.layerscale_value;
  object["use_swiglu_ffn"] = c.use_swiglu_ffn;
  if (c.with_registers()) {
    object["num_register_tokens"] = c.num_register_tokens;
  } else {
    object["use_mask_token"] = c.use_mask_token;
  }
  object["model_type"] = c.model_type();
  object["architectures"] = {describe()};
  return nn::config_fields(object);
}

void Dinov2ForImageClassification::before_loading(StateDict& tensors) {
  join_swiglu(tensors);
  // The mask token is for pretraining: a finished model may have left it out.
  if (!tensors.contains(str(dinov2.config.model_type(), ".embeddings.mask_token"))) {
    dinov2.embeddings.mask_token = {};
    dinov2.config.use_mask_token = false;
  }
}

namespace {

constexpr Renaming kSwiGluRenamings[] = {{"mlp.weights_out", "mlp.down_proj"}};
constexpr SplitModule kSwiGluSplit[] = {{"mlp.weights_in", "mlp.gate_proj", "mlp.up_proj"}};

}  // namespace

const Renamings kDinov2Renamings = {.layers = {"dinov2.encoder.layer.", "dinov2.encoder.layer."},
                                    .attention = kAttentionRenamings,
                                    .others = kSwiGluRenamings,
                                    .split = kSwiGluSplit};
const Renamings kDinov2WithRegistersRenamings = {
    .layers = {"dinov2_with_registers.encoder.layer.", "dinov2_with_registers.encoder.layer."},
    .attention = kAttentionRenamings,
    .others = kSwiGluRenamings,
    .split = kSwiGluSplit};

}  // namespace papilio::nn
