#include "nn/models/timm_convert.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops/join.h"
#include "autograd/ops/shape.h"
#include "nn/init.h"
#include "nn/layers/hidden_act.h"
#include "nn/models/pretrained_model.h"
#include "nn/models/quantized_model.h"
#include "tensor/error.h"

namespace papilio::nn {

namespace {

constexpr const char* kCodes = "the model's layers are quantised; convert it before that";

struct Pair {
  std::string_view timm, transformers;
};

constexpr Pair kOutside[] = {
    {"cls_token", "vit.embeddings.cls_token"},
    {"pos_embed", "vit.embeddings.position_embeddings"},
    {"patch_embed.proj.weight", "vit.embeddings.patch_embeddings.projection.weight"},
    {"patch_embed.proj.bias", "vit.embeddings.patch_embeddings.projection.bias"},
    {"norm.weight", "vit.layernorm.weight"},
    {"norm.bias", "vit.layernorm.bias"},
    {"head.weight", "classifier.weight"},
    {"head.bias", "classifier.bias"}};
constexpr Pair kInside[] = {{"norm1.", "layernorm_before."},
                            {"norm2.", "layernorm_after."},
                            {"attn.proj.", "attention.output.dense."},
                            {"mlp.fc1.", "intermediate.dense."},
                            {"mlp.fc2.", "output.dense."}};
constexpr const char* kQkv[] = {"query", "key", "value"};

std::string in_timm(int64_t layer, std::string_view name, const char* kind) {
  return str("blocks.", layer, '.', name, kind);
}

std::string in_transformers(int64_t layer, std::string_view name, const char* kind) {
  return str("vit.encoder.layer.", layer, '.', name, kind);
}

// Weights and biases but those of query, key and value, from one form to the other.
StateDict renamed(const StateDict& from, int64_t layers, bool to_timm) {
  StateDict to;
  const auto take = [&](const std::string& timm, const std::string& transformers) {
    to[to_timm ? timm : transformers] = from.at(to_timm ? transformers : timm);
  };
  for (const Pair& p : kOutside) take(std::string(p.timm), std::string(p.transformers));
  for (int64_t l = 0; l < layers; ++l) {
    for (const Pair& p : kInside) {
      for (const char* kind : {"weight", "bias"})
        take(in_timm(l, p.timm, kind), in_transformers(l, p.transformers, kind));
    }
  }
  return to;
}

// The weight and, if there is one, the bias.
std::vector<const char*> kinds(bool bias) {
  return bias ? std::vector<const char*>{"weight", "bias"} : std::vector<const char*>{"weight"};
}

std::string timm_act(HiddenAct act) {
  switch (act) {
    case HiddenAct::gelu_tanh:
      return "gelu_tanh";
    case HiddenAct::quick_gelu:
      return "quick_gelu";
    case HiddenAct::relu:
      return "relu";
    case HiddenAct::silu:
      return "silu";
    case HiddenAct::gelu:
      break;
  }
  return "gelu";
}

// timm's size of this width, for the name alone: model_args say the rest.
std::string architecture(int64_t width) {
  const char* size = width == 192    ? "tiny"
                     : width == 384  ? "small"
                     : width == 1024 ? "large"
                                     : "base";
  return str("vit_", size, "_patch16_224");
}

// What the answers mean, which timm's library does not ask.
void keep_problem_type(const PretrainedModel& from, PretrainedModel& to) {
  const auto found = from.other_config.find("problem_type");
  if (found != from.other_config.end()) to.other_config.insert(*found);
}

}  // namespace

std::unique_ptr<TimmViT> to_timm(ViTForImageClassification& model) {
  check(!is_quantized(model), "to_timm: ", kCodes);
  const ViTConfig& c = model.config();
  check(c.known_to_transformers(),
        "to_timm: a ViT without class token, or with a convolutional stem, has no form in timm");
  const SkipInit skip;
  auto result = std::make_unique<TimmViT>(
      TimmViTConfig{.architecture = architecture(c.hidden_size),
                    .img_size = c.image_size,
                    .patch_size = c.patch_size,
                    .in_chans = c.num_channels,
                    .num_classes = c.num_labels,
                    .embed_dim = c.hidden_size,
                    .depth = c.num_hidden_layers,
                    .num_heads = c.num_attention_heads,
                    .mlp_ratio = double(c.intermediate_size) / double(c.hidden_size),
                    .qkv_bias = c.qkv_bias,
                    .act_layer = timm_act(hidden_act(c.hidden_act)),
                    .pos_drop_rate = c.hidden_dropout_prob,
                    .proj_drop_rate = c.hidden_dropout_prob,
                    .attn_drop_rate = c.attention_probs_dropout_prob,
                    .drop_path_rate = c.drop_path_rate});
  check(result->config.hidden() == c.intermediate_size, "to_timm: intermediate_size ",
        c.intermediate_size, " is no whole product of hidden_size ", c.hidden_size,
        " and an mlp_ratio");
  const NoGrad no_grad;
  const StateDict from = state_dict(model);
  StateDict to = renamed(from, c.num_hidden_layers, true);
  for (int64_t l = 0; l < c.num_hidden_layers; ++l) {
    for (const char* kind : kinds(c.qkv_bias)) {
      std::vector<Tensor> parts;
      for (const char* part : kQkv)
        parts.push_back(from.at(in_transformers(l, str("attention.attention.", part, '.'), kind)));
      to[in_timm(l, "attn.qkv.", kind)] = concat(parts);
    }
  }
  nn::to(*result, model.classifier.weight.dtype());
  load_state_dict(*result, to);
  keep_problem_type(model, *result);
  return result;
}

std::unique_ptr<ViTForImageClassification> to_transformers(TimmViT& model) {
  check(!is_quantized(model), "to_transformers: ", kCodes);
  const TimmViTConfig& c = model.config;
  const std::pair<bool, const char*> lacks[] = {
      {c.global_pool != "token", "mean pooling"},
      {c.reg_tokens > 0, "register tokens"},
      {c.init_values != 0, "layer scale"},
      {c.pre_norm, "a norm before the blocks"},
      {c.no_embed_class, "a class token without position"},
      {c.fc_norm, "a norm behind the pooling"}};
  for (const auto& [has, what] : lacks)
    check(!has, "to_transformers: Transformers' ViT does not have ", what);
  const SkipInit skip;
  ViTConfig config{.image_size = c.img_size,
                   .patch_size = c.patch_size,
                   .num_channels = c.in_chans,
                   .hidden_size = c.embed_dim,
                   .num_hidden_layers = c.depth,
                   .num_attention_heads = c.num_heads,
                   .intermediate_size = c.hidden(),
                   .num_labels = c.num_classes,
                   .hidden_act = c.act_layer == "gelu_tanh" ? "gelu_pytorch_tanh" : c.act_layer,
                   .hidden_dropout_prob = c.proj_drop_rate,
                   .attention_probs_dropout_prob = c.attn_drop_rate,
                   .drop_path_rate = c.drop_path_rate,
                   .layer_norm_eps = c.eps,
                   .qkv_bias = c.qkv_bias};
  auto result = std::make_unique<ViTForImageClassification>(config);
  const NoGrad no_grad;
  const StateDict from = state_dict(model);
  StateDict to = renamed(from, c.depth, false);
  for (int64_t l = 0; l < c.depth; ++l) {
    for (const char* kind : kinds(c.qkv_bias)) {
      const Tensor all = from.at(in_timm(l, "attn.qkv.", kind));
      for (int64_t i = 0; i < 3; ++i)
        to[in_transformers(l, str("attention.attention.", kQkv[i], '.'), kind)] =
            slice(all, 0, i * c.embed_dim, (i + 1) * c.embed_dim);
    }
  }
  nn::to(*result, model.classifier.weight.dtype());
  load_state_dict(*result, to);
  keep_problem_type(model, *result);
  return result;
}

}  // namespace papilio::nn
