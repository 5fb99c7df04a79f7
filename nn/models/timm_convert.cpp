#include "nn/models/timm_convert.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/join.h"
#include "autograd/ops/shape.h"
#include "nn/init.h"
#include "nn/layers/hidden_act.h"
#include "nn/models/deit.h"
#include "nn/models/detail/timm_names.h"
#include "nn/models/dinov2.h"
#include "nn/models/quantized_model.h"
#include "nn/models/vit.h"
#include "tensor/creation.h"
#include "tensor/error.h"

namespace papilio::nn {

namespace {

constexpr const char* kCodes = "the model's layers are quantised; convert it before that";

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
std::string size_of_width(int64_t width) {
  return width == 192 ? "tiny" : width == 384 ? "small" : width == 1024 ? "large" : "base";
}

// What the configurations have in common.
template <class Config>
TimmViTConfig timm_config(const Config& c, double mlp_ratio) {
  return {.architecture = str("vit_", size_of_width(c.hidden_size), "_patch16_224"),
          .img_size = c.image_size,
          .patch_size = c.patch_size,
          .in_chans = c.num_channels,
          .num_classes = c.num_labels,
          .embed_dim = c.hidden_size,
          .depth = c.num_hidden_layers,
          .num_heads = c.num_attention_heads,
          .mlp_ratio = mlp_ratio,
          .qkv_bias = c.qkv_bias,
          .act_layer = timm_act(hidden_act(c.hidden_act)),
          .pos_drop_rate = c.hidden_dropout_prob,
          .proj_drop_rate = c.hidden_dropout_prob,
          .attn_drop_rate = c.attention_probs_dropout_prob,
          .drop_path_rate = c.drop_path_rate};
}

TimmViTConfig timm_config_of_vit(const ViTConfig& c) {
  TimmViTConfig config = timm_config(c, double(c.intermediate_size) / double(c.hidden_size));
  check(config.hidden() == c.intermediate_size, "to_timm: intermediate_size ", c.intermediate_size,
        " is no whole product of hidden_size ", c.hidden_size, " and an mlp_ratio");
  return config;
}

template <class Config>
Config transformers_config(const TimmViTConfig& c) {
  Config config;
  config.image_size = c.img_size;
  config.patch_size = c.patch_size;
  config.num_channels = c.in_chans;
  config.hidden_size = c.embed_dim;
  config.num_hidden_layers = c.depth;
  config.num_attention_heads = c.num_heads;
  config.num_labels = c.num_classes;
  config.hidden_act = c.act_layer == "gelu_tanh" ? "gelu_pytorch_tanh" : c.act_layer;
  config.hidden_dropout_prob = c.proj_drop_rate;
  config.attention_probs_dropout_prob = c.attn_drop_rate;
  config.drop_path_rate = c.drop_path_rate;
  config.layer_norm_eps = c.eps;
  config.qkv_bias = c.qkv_bias;
  return config;
}

// The model of this configuration with these weights; what the answers mean goes with them, which
// timm's library does not ask.
template <class Model, class Config>
std::unique_ptr<Model> made(const ImageClassifier& from, const Config& config,
                            const StateDict& tensors) {
  std::unique_ptr<Model> result;
  {
    const SkipInit skip;
    result = std::make_unique<Model>(config);
  }
  nn::to(*result, from.classifier.weight.dtype());
  load_state_dict(*result, tensors);
  const auto problem_type = from.other_config.find("problem_type");
  if (problem_type != from.other_config.end()) result->other_config.insert(*problem_type);
  return result;
}

std::unique_ptr<TimmViT> vit_to_timm(ViTForImageClassification& model) {
  check(model.config().known_to_transformers(),
        "to_timm: a ViT without class token, or with a convolutional stem, has no form in timm");
  const TimmViTConfig c = timm_config_of_vit(model.config());
  return made<TimmViT>(model, c, timm_tensors(state_dict(model), vit_naming(), c));
}

std::unique_ptr<TimmViT> deit_to_timm(DeiTForImageClassification& model) {
  TimmViTConfig c = timm_config_of_vit(model.config());
  if (model.config().with_teacher) {
    c.architecture = str("deit_", size_of_width(c.embed_dim), "_distilled_patch16_224");
    c.distilled = true;
  } else {
    c.reg_tokens = 1;
  }
  return made<TimmViT>(
      model, c, timm_tensors(state_dict(model), deit_naming(model.config().with_teacher), c));
}

std::unique_ptr<TimmViT> dinov2_to_timm(Dinov2ForImageClassification& model) {
  const Dinov2Config& from = model.config();
  check(!from.use_swiglu_ffn, "to_timm: a DINOv2 with SwiGLU has no form here in timm");
  TimmViTConfig c = timm_config(from, from.mlp_ratio);
  c.reg_tokens = std::max<int64_t>(from.num_register_tokens, 0);
  const bool registers = c.reg_tokens > 0;
  c.architecture =
      str("vit_", size_of_width(c.embed_dim), "_patch14_", registers ? "reg4_dinov2" : "dinov2");
  c.init_values = from.layerscale_value != 0 ? from.layerscale_value : 1;  // for the start alone
  c.no_embed_class = registers;
  const StateDict tensors = state_dict(model);
  StateDict to = timm_tensors(tensors, dinov2_naming(from), c);
  Tensor &token = to.at("cls_token"), &positions = to.at("pos_embed"), &head = to.at("head.weight");
  if (registers) {
    to["reg_token"] = tensors.at(str(from.model_type(), ".embeddings.register_tokens"));
    token = token + slice(positions, 1, 0, 1);
    positions = slice(positions, 1, 1);
  }
  const std::vector<double> of_mean = slice(head, 1, c.embed_dim).to_vector<double>();
  check(model.new_head || std::ranges::all_of(of_mean, [](double w) { return w == 0; }),
        "to_timm: its classifier reads the mean of the patches beside the class token, which that "
        "of timm's DINOv2 does not");
  head = slice(head, 1, 0, c.embed_dim);
  return made<TimmViT>(model, c, to);
}

// What `convert` makes of the model; null if it is of another class.
template <class Model, std::unique_ptr<TimmViT> (*convert)(Model&)>
std::unique_ptr<TimmViT> if_it_is(ImageClassifier& model) {
  auto* const own = dynamic_cast<Model*>(&model);
  return own == nullptr ? nullptr : convert(*own);
}

// Transformers' models that have a form in timm.
constexpr std::unique_ptr<TimmViT> (*kToTimm[])(ImageClassifier&) = {
    if_it_is<ViTForImageClassification, vit_to_timm>,
    if_it_is<DeiTForImageClassification, deit_to_timm>,
    if_it_is<Dinov2ForImageClassification, dinov2_to_timm>,
};

struct Lack {
  bool has;
  const char* what;
};

void check_has(const char* model, std::span<const Lack> lacks) {
  for (const auto& [has, what] : lacks)
    check(!has, "to_transformers: Transformers' ", model, " does not have ", what);
}

void check_common(const char* model, const TimmViTConfig& c) {
  const Lack lacks[] = {{c.global_pool != "token", "mean pooling"},
                        {c.pre_norm, "a norm before the blocks"},
                        {c.fc_norm, "a norm behind the pooling"}};
  check_has(model, lacks);
}

std::unique_ptr<ImageClassifier> to_vit(TimmViT& model, const TimmViTConfig& c) {
  check_common("ViT", c);
  const Lack lacks[] = {{c.reg_tokens > 0, "register tokens"},
                        {c.no_embed_class, "a class token without position"}};
  check_has("ViT", lacks);
  auto config = transformers_config<ViTConfig>(c);
  config.intermediate_size = c.hidden();
  return made<ViTForImageClassification>(model, config,
                                         transformers_tensors(state_dict(model), vit_naming(), c));
}

std::unique_ptr<ImageClassifier> to_deit(TimmViT& model, const TimmViTConfig& c) {
  check_common("DeiT", c);
  const Lack lacks[] = {{c.init_values != 0, "layer scale"}};
  check_has("DeiT", lacks);
  auto config = transformers_config<DeiTConfig>(c);
  config.intermediate_size = c.hidden();
  config.with_teacher = c.distilled;
  return made<DeiTForImageClassification>(
      model, config, transformers_tensors(state_dict(model), deit_naming(c.distilled), c));
}

std::unique_ptr<ImageClassifier> to_dinov2(TimmViT& model, const TimmViTConfig& c) {
  check_common("DINOv2", c);
  const Lack lacks[] = {{c.reg_tokens > 0 && !c.no_embed_class, "register tokens with positions"}};
  check_has("DINOv2", lacks);
  auto config = transformers_config<Dinov2Config>(c);
  config.mlp_ratio = c.mlp_ratio;
  config.layerscale_value = c.init_values;
  config.num_register_tokens = c.reg_tokens > 0 ? c.reg_tokens : -1;
  config.use_mask_token = config.with_registers();
  const StateDict tensors = state_dict(model);
  StateDict to = transformers_tensors(tensors, dinov2_naming(config), c);
  const std::string embeddings = str(config.model_type(), ".embeddings.");
  Tensor &positions = to.at(embeddings + "position_embeddings"), &head = to.at("classifier.weight");
  const auto zeros_like_head = [&](const Dims& shape) {
    return zeros(shape, {.dtype = head.dtype(), .device = head.device()});
  };
  if (c.no_embed_class) positions = concat({zeros_like_head({1, 1, c.embed_dim}), positions}, 1);
  if (config.with_registers()) {
    to[embeddings + "register_tokens"] = tensors.at("reg_token");
    to[embeddings + "mask_token"] = zeros_like_head({1, c.embed_dim});
  }
  head = concat({head, zeros_like_head(head.shape())}, 1);  // of the patches' mean
  return made<Dinov2ForImageClassification>(model, config, to);
}

}  // namespace

std::unique_ptr<TimmViT> to_timm(ImageClassifier& model) {
  check(!is_quantized(model), "to_timm: ", kCodes);
  const NoGrad no_grad;
  for (const auto& to_form : kToTimm)
    if (auto converted = to_form(model)) return converted;
  throw ArgumentError("to_timm: expected a ViT, DeiT or DINOv2 of Transformers', got a " +
                      model.describe());
}

std::unique_ptr<ImageClassifier> to_transformers(TimmViT& model) {
  check(!is_quantized(model), "to_transformers: ", kCodes);
  const NoGrad no_grad;
  const TimmViTConfig& c = model.config;
  if (c.distilled || (c.reg_tokens == 1 && c.class_token && !c.no_embed_class))
    return to_deit(model, c);
  return c.init_values != 0 ? to_dinov2(model, c) : to_vit(model, c);
}

}  // namespace papilio::nn
