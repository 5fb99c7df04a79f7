#include "nn/models/dinov3.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <numbers>
#include <utility>

#include "autograd/ops.h"
#include "nn/init.h"
#include "nn/models/detail/encoder.h"
#include "nn/models/detail/model_table.h"
#include "nn/models/detail/vision_config.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/files/detail/json.h"
#include "tensor/random.h"

namespace papilio::nn {

void DINOv3Config::validate() const {
  const char* name = "DINOv3Config";
  check_sizes(name, *this);
  check_positive(name, "intermediate_size", intermediate_size);
  const int64_t head = hidden_size / num_attention_heads;
  check(head % 4 == 0, name, ": the heads' width, ", head, ", is not a multiple of 4");
  check(num_register_tokens >= 0, name, ": expected num_register_tokens >= 0, got ",
        num_register_tokens);
  check(rope_theta > 0, name, ": expected rope_theta > 0, got ", rope_theta);
  for (double rate : {attention_dropout, drop_path_rate})
    check(rate >= 0 && rate < 1, name, ": expected rates in [0, 1), got ", rate);
  for (const std::optional<double>& factor : {pos_embed_jitter, pos_embed_rescale})
    check(factor.value_or(1) > 0, name, ": expected pos_embed_jitter and pos_embed_rescale > 0");
}

namespace {

double draw(double low, double high) {
  return uniform({}, low, high, {.dtype = DType::float64}).item();
}

double draw_factor(double limit) {
  const double range = std::abs(std::log(limit));
  return std::exp(draw(-range, range));
}

// a + b * coordinate of each dimension, row and column.
struct Change {
  std::array<double, 2> a{0, 0}, b{1, 1};
};

Change draw_change(const DINOv3Config& c) {
  Change change;
  if (c.pos_embed_shift) {
    for (double& a : change.a) a = draw(-*c.pos_embed_shift, *c.pos_embed_shift);
  }
  const auto multiply = [&](size_t i, double factor) {
    change.a[i] *= factor;
    change.b[i] *= factor;
  };
  if (c.pos_embed_jitter) {
    for (size_t i : {0, 1}) multiply(i, draw_factor(*c.pos_embed_jitter));
  }
  if (c.pos_embed_rescale) {
    const double factor = draw_factor(*c.pos_embed_rescale);
    for (size_t i : {0, 1}) multiply(i, factor);
  }
  return change;
}

}  // namespace

DINOv3Embeddings::DINOv3Embeddings(const DINOv3Config& c)
    : cls_token(zero_parameter({1, 1, c.hidden_size})),
      mask_token(zero_parameter({1, 1, c.hidden_size})),
      register_tokens(zero_parameter({1, c.num_register_tokens, c.hidden_size})),
      patch_embeddings(c.num_channels, c.patch_size, c.hidden_size) {}

Tensor DINOv3Embeddings::operator()(const Tensor& images) {
  const Tensor patches = patch_embeddings(images);
  const int64_t B = patches.size(0), D = patches.size(2), R = register_tokens.size(1);
  const Tensor cls = expand(cls_token, {B, 1, D});
  if (R == 0) return concat({cls, patches}, 1);
  return concat({cls, expand(register_tokens, {B, R, D}), patches}, 1);
}

void DINOv3Embeddings::visit(Visitor& v) {
  v.undecayed("cls_token", cls_token);
  v.undecayed("mask_token", mask_token);
  v.undecayed("register_tokens", register_tokens);
  v("patch_embeddings", patch_embeddings.projection);
}

DINOv3Mlp::DINOv3Mlp(const DINOv3Config& c)
    : up_proj(c.hidden_size, c.intermediate_size, c.mlp_bias),
      down_proj(c.intermediate_size, c.hidden_size, c.mlp_bias),
      act(nn::hidden_act(c.hidden_act)) {
  if (c.use_gated_mlp)
    gate_proj = std::make_unique<Linear>(c.hidden_size, c.intermediate_size, c.mlp_bias);
}

Tensor DINOv3Mlp::operator()(const Tensor& x) {
  if (gate_proj) return down_proj(activate((*gate_proj)(x), act) * up_proj(x));
  return down_proj(up_proj.bias ? activate(up_proj, x, act) : activate(up_proj(x), act));
}

void DINOv3Mlp::visit(Visitor& v) {
  v("gate_proj", gate_proj);
  v("up_proj", up_proj);
  v("down_proj", down_proj);
}

DINOv3Layer::DINOv3Layer(const DINOv3Config& c)
    : norm1(c.hidden_size, c.layer_norm_eps),
      norm2(c.hidden_size, c.layer_norm_eps),
      attention(
          c.hidden_size, c.num_attention_heads,
          {.query = c.query_bias, .key = c.key_bias, .value = c.value_bias, .output = c.proj_bias},
          c.attention_dropout),
      layer_scale1(c.hidden_size, c.layerscale_value),
      layer_scale2(c.hidden_size, c.layerscale_value),
      mlp(c),
      drop_path(c.drop_path_rate) {}

Tensor DINOv3Layer::operator()(const Tensor& x, const RotaryPositions& positions) {
  const auto layer = [this, positions](const Tensor& in) {
    const auto [h, n] =
        norm2.add_and_norm(in, drop_path(layer_scale1(attention(norm1(in), positions))));
    const Tensor y = mlp_part([this](const Tensor& inner) { return mlp(inner); }, n);
    return h + drop_path(layer_scale2(y));
  };
  return whole(layer, x);
}

Tensor DINOv3Layer::probabilities(const Tensor& x, const RotaryPositions& positions) {
  return attention.probabilities(norm1(x), positions);
}

void DINOv3Layer::visit(Visitor& v) {
  v("norm1", norm1);
  v("attention", attention);
  v("layer_scale1", layer_scale1);
  v("norm2", norm2);
  v("mlp", mlp);
  v("layer_scale2", layer_scale2);
  v("drop_path", drop_path);
}

DINOv3ForImageClassification::DINOv3ForImageClassification(const DINOv3Config& c)
    : config(validated(c)), embeddings(c), norm(c.hidden_size, c.layer_norm_eps) {
  layer.reserve(size_t(c.num_hidden_layers));
  for (int64_t i = 0; i < c.num_hidden_layers; ++i) layer.emplace_back(c);
  initialise_transformer(*this, c.initializer_range);
  constant_(embeddings.mask_token, 0);
  reset_classifier(c.hidden_size, c.num_labels);
}

// Patch i of n lies at 2 (i + 1/2) / n - 1 in [-1, 1]. Its angles: 2 pi times that, times
// theta^(-4 j / d) for j < d / 4, first of the row, then of the column, and all of them twice.
RotaryPositions DINOv3ForImageClassification::positions(const Tensor& images) const {
  const int64_t rows = images.size(2) / config.patch_size,
                columns = images.size(3) / config.patch_size,
                d = config.hidden_size / config.num_attention_heads;
  const Change change = training ? draw_change(config) : Change();
  std::vector<double> cos(size_t(rows * columns * d)), sin(cos.size());
  for (int64_t p = 0; p < rows * columns; ++p) {
    const int64_t row = p / columns, column = p % columns;
    for (int64_t k = 0; k < d; ++k) {
      const int64_t in_half = k % (d / 2);
      const bool of_row = in_half < d / 4;
      const double place =
          of_row ? (double(row) + 0.5) / double(rows) : (double(column) + 0.5) / double(columns);
      const size_t axis = of_row ? 0 : 1;
      const double coordinate = change.a[axis] + change.b[axis] * (2 * place - 1);
      const double frequency =
          std::pow(config.rope_theta, -4 * double(in_half % (d / 4)) / double(d));
      const double angle = 2 * std::numbers::pi * coordinate * frequency;
      cos[size_t(p * d + k)] = std::cos(angle);
      sin[size_t(p * d + k)] = std::sin(angle);
    }
  }
  const DType dtype =
      embeddings.cls_token.dtype() == DType::float64 ? DType::float64 : DType::float32;
  const auto there = [&](const std::vector<double>& values) {
    return to(copy_of(tensor<double>(values, {rows * columns, d}), dtype), images.device());
  };
  return {there(cos), there(sin)};
}

Tensor DINOv3ForImageClassification::features(const Tensor& images) {
  const RotaryPositions rope = positions(images);
  const Tensor x = through_layers(layer, embeddings(images), {}, rope);
  // The norm works on each token alone.
  return norm(select(x, 1, 0));
}

void DINOv3ForImageClassification::attention(const Tensor& images, const OnAttention& f) {
  const RotaryPositions rope = positions(images);
  through_layers(layer, embeddings(images), f, rope);
}

ImageClassifier::Shape DINOv3ForImageClassification::shape() const {
  Shape shape = sizes_shape("dinov3_vit", config);
  shape.intermediate_size = config.intermediate_size;
  shape.registers = config.num_register_tokens;
  shape.prefix_tokens = 1 + shape.registers;
  shape.image_processor = "DINOv3ViTImageProcessor";
  return shape;
}

double DINOv3ForImageClassification::set_num_labels(int64_t num_labels) {
  config.num_labels = num_labels;
  return config.initializer_range;
}

ImageClassifier::Positions DINOv3ForImageClassification::set_size(int64_t image_size) {
  config.image_size = image_size;
  return {};
}

void DINOv3ForImageClassification::visit(Visitor& v) {
  v("embeddings", embeddings);
  v("layer", layer);
  v("norm", norm);
  v("classifier", classifier);
}

namespace {

std::optional<double> read_optional(JsonFields& fields, const char* key,
                                    std::optional<double> otherwise) {
  if (!fields.has(key)) return otherwise;
  if (fields.value(key).is_null()) return {};
  return fields.number(key, 0);
}

}  // namespace

std::unique_ptr<ImageClassifier> make_dinov3(JsonFields& fields) {
  DINOv3Config c;
  read_sizes(fields, c);
  c.intermediate_size = fields.integer("intermediate_size", c.intermediate_size, 1);
  c.num_register_tokens = fields.integer("num_register_tokens", c.num_register_tokens, 0, 1000);
  c.rope_theta = fields.number("rope_theta", c.rope_theta);
  const std::pair<const char*, bool*> biases[] = {
      {"query_bias", &c.query_bias}, {"key_bias", &c.key_bias},
      {"value_bias", &c.value_bias}, {"proj_bias", &c.proj_bias},
      {"mlp_bias", &c.mlp_bias},     {"use_gated_mlp", &c.use_gated_mlp}};
  for (const auto& [key, field] : biases) *field = fields.boolean(key, *field);
  c.layerscale_value = fields.number("layerscale_value", c.layerscale_value);
  c.attention_dropout = fields.number("attention_dropout", c.attention_dropout);
  c.drop_path_rate = fields.number("drop_path_rate", c.drop_path_rate);
  c.pos_embed_shift = read_optional(fields, "pos_embed_shift", c.pos_embed_shift);
  c.pos_embed_jitter = read_optional(fields, "pos_embed_jitter", c.pos_embed_jitter);
  c.pos_embed_rescale = read_optional(fields, "pos_embed_rescale", c.pos_embed_rescale);
  return std::make_unique<DINOv3ForImageClassification>(c);
}

ConfigFields DINOv3ForImageClassification::config_fields() const {
  const DINOv3Config& c = config;
  nlohmann::json object = sizes_json(c);
  const auto optional = [](const std::optional<double>& x) {
    return x ? nlohmann::json(*x) : nlohmann::json();
  };
  object.update({{"intermediate_size", c.intermediate_size},
                 {"num_register_tokens", c.num_register_tokens},
                 {"rope_theta", c.rope_theta},
                 {"query_bias", c.query_bias},
                 {"key_bias", c.key_bias},
                 {"value_bias", c.value_bias},
                 {"proj_bias", c.proj_bias},
                 {"mlp_bias", c.mlp_bias},
                 {"use_gated_mlp", c.use_gated_mlp},
                 {"layerscale_value", c.layerscale_value},
                 {"attention_dropout", c.attention_dropout},
                 {"drop_path_rate", c.drop_path_rate},
                 {"pos_embed_shift", optional(c.pos_embed_shift)},
                 {"pos_embed_jitter", optional(c.pos_embed_jitter)},
                 {"pos_embed_rescale", optional(c.pos_embed_rescale)},
                 {"model_type", "dinov3_vit"},
                 {"architectures", {"DINOv3ViTModel"}}});
  return nn::config_fields(object);
}

// Transformers 5 nests the layers once more.
const Renamings kDINOv3Renamings = {.layers = {"layer.", "model.layer."}, .attention = {}};

}  // namespace papilio::nn
