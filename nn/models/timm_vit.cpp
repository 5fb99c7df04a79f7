#include "nn/models/timm_vit.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "autograd/ops.h"
#include "nn/init.h"
#include "nn/layers/hidden_act.h"
#include "nn/models/detail/encoder.h"
#include "nn/models/detail/position_embeddings.h"
#include "nn/models/detail/vision_config.h"
#include "tensor/files/detail/json.h"

namespace papilio::nn {

void TimmViTConfig::validate() const {
  const char* name = "TimmViTConfig";
  check_positive(name, "img_size", img_size);
  check_positive(name, "patch_size", patch_size);
  check_positive(name, "in_chans", in_chans);
  check_positive(name, "embed_dim", embed_dim);
  check_positive(name, "num_heads", num_heads);
  check_positive(name, "num_classes", num_classes);
  check(mlp_ratio > 0 && mlp_ratio <= 1024, name, ": expected mlp_ratio from 0 to 1024, got ",
        mlp_ratio);
  check_positive(name, "embed_dim * mlp_ratio", hidden());
  check(depth >= 0 && reg_tokens >= 0, name, ": expected depth and reg_tokens >= 0, got ", depth,
        " and ", reg_tokens);
  check(img_size >= patch_size, name, ": patch_size ", patch_size, " is larger than img_size ",
        img_size);
  check(embed_dim % num_heads == 0, name, ": embed_dim ", embed_dim,
        " is not a multiple of num_heads ", num_heads);
  check(global_pool == "token" || global_pool == "avg", name,
        ": expected global_pool token or avg, got ", global_pool);
  check(class_token || global_pool != "token", name, ": global_pool token needs class_token");
  const bool two_tokens = class_token && reg_tokens == 0 && !no_embed_class && !fc_norm;
  check(
      !distilled || (two_tokens && global_pool == "token"), name,
      ": a distilled model has two tokens with positions and no registers, and global_pool token");
  for (double rate : {drop_rate, pos_drop_rate, proj_drop_rate, attn_drop_rate, drop_path_rate})
    check(rate >= 0 && rate < 1, name, ": expected rates in [0, 1), got ", rate);
}

namespace {

HiddenAct act_of(const std::string& act_layer) {
  return hidden_act(act_layer == "gelu_tanh" ? "gelu_pytorch_tanh" : act_layer);
}

Tensor scaled(const std::unique_ptr<LayerScale>& scale, const Tensor& x) {
  return scale ? (*scale)(x) : x;
}

}  // namespace

TimmViTBlock::TimmViTBlock(const TimmViTConfig& c, double drop_path_rate)
    : norm1(c.embed_dim, c.eps),
      norm2(c.embed_dim, c.eps),
      attn(c.embed_dim, c.num_heads,
           {.qkv_bias = c.qkv_bias,
            .dropout = c.proj_drop_rate,
            .attention_dropout = c.attn_drop_rate}),
      mlp(c.embed_dim, c.hidden(), c.proj_drop_rate, act_of(c.act_layer)),
      drop_path(drop_path_rate) {
  if (c.init_values == 0) return;
  ls1 = std::make_unique<LayerScale>(c.embed_dim, c.init_values, "gamma");
  ls2 = std::make_unique<LayerScale>(c.embed_dim, c.init_values, "gamma");
}

Tensor TimmViTBlock::operator()(const Tensor& x) {
  const auto block = [this](const Tensor& in) {
    const auto [h, n] = norm2.add_and_norm(in, drop_path(scaled(ls1, attn(norm1(in)))));
    const Tensor y = mlp_part([this](const Tensor& inner) { return mlp(inner); }, n);
    return h + drop_path(scaled(ls2, y));
  };
  return whole(block, x);
}

Tensor TimmViTBlock::probabilities(const Tensor& x) {
  return attn.probabilities(norm1(x));
}

void TimmViTBlock::visit(Visitor& v) {
  v("norm1", norm1);
  v("attn", attn);
  v("ls1", ls1);
  v("norm2", norm2);
  v("mlp", mlp);
  v("ls2", ls2);
  v("drop_path", drop_path);
}

TimmViT::TimmViT(const TimmViTConfig& c)
    : config(validated(c)),
      patch_embed(c.in_chans, c.patch_size, c.embed_dim, !c.pre_norm),
      pos_drop(c.pos_drop_rate),
      head_drop(c.drop_rate),
      head_dist(0, 0) {
  const int64_t side = c.img_size / c.patch_size, D = c.embed_dim;
  if (c.class_token) cls_token = zero_parameter({1, 1, D});
  if (c.distilled) dist_token = zero_parameter({1, 1, D});
  if (c.reg_tokens > 0) reg_token = zero_parameter({1, c.reg_tokens, D});
  const int64_t with_position = c.no_embed_class ? 0 : c.prefix_tokens();
  pos_embed = zero_parameter({1, with_position + side * side, D});
  blocks = layers_by_depth<TimmViTBlock>(c, c.depth, c.drop_path_rate, 0);
  if (c.pre_norm) norm_pre = std::make_unique<LayerNorm>(D, c.eps);
  (c.fc_norm ? fc_norm : norm) = std::make_unique<LayerNorm>(D, c.eps);
  initialise_transformer(*this, 0.02);
  reset_classifier(D, c.num_classes);
}

Tensor TimmViT::embed(const Tensor& images) {
  Tensor x = patch_embed(images);
  const int64_t B = x.size(0), D = x.size(2), p = config.patch_size;
  const int64_t rows = images.size(2) / p, columns = images.size(3) / p;
  const int64_t with_position = config.no_embed_class ? 0 : config.prefix_tokens();
  const bool fits = rows == columns && with_position + rows * columns == pos_embed.size(1);
  const Tensor positions =
      fits ? pos_embed : interpolate_positions(pos_embed, with_position, rows, columns, true);
  if (config.no_embed_class) x = x + positions;
  std::vector<Tensor> tokens;
  for (const Tensor& token : {cls_token, dist_token, reg_token}) {
    if (token) tokens.push_back(expand(token, {B, token.size(1), D}));
  }
  tokens.push_back(x);
  if (tokens.size() > 1) x = concat(tokens, 1);
  if (!config.no_embed_class) x = x + positions;
  x = pos_drop(x);
  return norm_pre ? (*norm_pre)(x) : x;
}

Tensor TimmViT::pool(const Tensor& x) {
  // A norm works on each token alone: taking the class token first gives the same for less.
  if (config.distilled) return flatten((*norm)(slice(x, 1, 0, 2)), 1);
  if (config.global_pool == "token") {
    const Tensor token = select(x, 1, 0);
    return fc_norm ? (*fc_norm)(token) : (*norm)(token);
  }
  const Tensor all = norm ? (*norm)(x) : x;
  const Tensor mean_token =
      mean(config.pool_include_prefix ? all : slice(all, 1, config.prefix_tokens()), {1});
  return fc_norm ? (*fc_norm)(mean_token) : mean_token;
}

Tensor TimmViT::features(const Tensor& images) {
  return head_drop(pool(through_layers(blocks, embed(images), {})));
}

Tensor TimmViT::logits(const Tensor& features) {
  if (!config.distilled) return classifier(features);
  const int64_t D = config.embed_dim;
  return (classifier(slice(features, 1, 0, D)) + head_dist(slice(features, 1, D))) * 0.5;
}

std::vector<ImageClassifier::Head> TimmViT::heads() {
  if (!config.distilled) return {{"head", &classifier}};
  return {{"head", &classifier}, {"head_dist", &head_dist}};
}

void TimmViT::attention(const Tensor& images, const OnAttention& f) {
  through_layers(blocks, embed(images), f);
}

ImageClassifier::Shape TimmViT::shape() const {
  const TimmViTConfig& c = config;
  return {.model_type = "timm_vit",
          .image_size = c.img_size,
          .num_channels = c.in_chans,
          .patch_size = c.patch_size,
          .hidden_size = c.embed_dim,
          .num_hidden_layers = c.depth,
          .num_attention_heads = c.num_heads,
          .intermediate_size = c.hidden(),
          .prefix_tokens = c.prefix_tokens(),
          .registers = c.reg_tokens + int64_t(c.distilled),
          .num_labels = c.num_classes,
          .stem_operations = patch_operations(c.img_size, c.patch_size, c.in_chans, c.embed_dim)};
}

double TimmViT::set_num_labels(int64_t num_labels) {
  config.num_classes = num_labels;
  return 0.02;
}

ImageClassifier::Positions TimmViT::set_size(int64_t image_size) {
  config.img_size = image_size;
  if (const auto cfg = other_config.find("pretrained_cfg"); cfg != other_config.end()) {
    nlohmann::json pretrained = parse_json(cfg->second, "pretrained_cfg");
    pretrained["input_size"] = {config.in_chans, image_size, image_size};
    pretrained.erase("test_input_size");
    cfg->second = pretrained.dump();
  }
  return {&pos_embed, config.no_embed_class ? 0 : config.prefix_tokens(), true};
}

void TimmViT::visit(Visitor& v) {
  v.undecayed("cls_token", cls_token);
  v.undecayed("dist_token", dist_token);
  v.undecayed("reg_token", reg_token);
  v.undecayed("pos_embed", pos_embed);
  v("patch_embed.proj", patch_embed.projection);
  v("pos_drop", pos_drop);
  v("norm_pre", norm_pre);
  v("blocks", blocks);
  v("norm", norm);
  v("fc_norm", fc_norm);
  v("head_drop", head_drop);
  for (const Head& head : heads()) v(head.path, *head.layer);
}

}  // namespace papilio::nn
