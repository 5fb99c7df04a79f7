#include "boft/methods/lora.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "nn/init.h"
#include "nn/layers/conv2d.h"
#include "tensor/creation.h"
#include "tensor/random.h"

namespace papilio::boft {

namespace {

// A and B up to an invertible r x r.
int64_t degrees_of_freedom(int64_t d, int64_t out, int64_t r) {
  r = std::min({r, d, out});
  return r * (d + out - r);
}

}  // namespace

void LoraConfig::fields(FieldVisitor& v) {
  v.integer("r", r, 1);
  v.number("lora_alpha", lora_alpha);
  v.rate("lora_dropout", lora_dropout);
  // Ways to draw A that training has left behind by the time a file is read; all others (pissa,
  // olora, corda, loftq ...) change the base weights too, which PEFT does again when it loads.
  v.flag_or_word("init_lora_weights", init_lora_weights, {"gaussian", "orthogonal", "eva", "mica"},
                 "others change the base weights");
  visit_shared(v, *this);
  v.must_be_false({"use_dora", "use_rslora", "use_qalora", "lora_bias"});
  // What would make another model of it.
  v.must_be_null({"rank_pattern", "alpha_pattern", "layer_replication", "alora_invocation_tokens",
                  "target_parameters", "trainable_token_indices", "use_bdlora", "arrow_config",
                  "kasa_config", "monteclora_config", "velora_config"});
  // They belong to options that are off, to ways to begin, and to how PEFT runs.
  v.ignored({"megatron_core", "megatron_config", "qalora_group_size", "eva_config", "corda_config",
             "loftq_config", "lora_ga_config", "runtime_config", "ensure_weight_tying"});
}

void LoraConfig::validate() const {
  check_fields(*this);
}

std::string LoraConfig::label() const {
  return str("LoRA r=", r);
}

void check_lora(const std::string& path, const nn::AdaptableLayer& layer,
                const LoraConfig& config) {
  config.validate();
  const auto* conv = dynamic_cast<const nn::Conv2d*>(&layer);
  if (conv == nullptr) return;
  check(conv->options.groups == 1, path, ": LoRA adapts no convolution in groups (this one has ",
        conv->options.groups, "); BOFT and OFT do");
  check(config.lora_dropout == 0, path,
        ": LoRA adapts a convolution through its weight, without lora_dropout; got ",
        config.lora_dropout);
}

LoraLayer::LoraLayer(const std::string& path, const nn::AdaptableLayer& layer,
                     const LoraConfig& config)
    : dropout(config.lora_dropout), scaling(config.lora_alpha / double(config.r)) {
  check_lora(path, layer, config);
  Dims a{config.r, layer.adapted_inputs()}, b{layer.adapted_outputs(), config.r};
  if (dynamic_cast<const nn::Conv2d*>(&layer) != nullptr) {
    a = layer.weight.shape();
    a[0] = config.r;
    b = {layer.adapted_outputs(), config.r, 1, 1};
  }
  lora_A = empty(a);
  nn::kaiming_uniform_(lora_A);
  set_requires_grad(lora_A);
  lora_B = leaf(config.init_lora_weights ? zeros(b) : normal(b, 0, 0.1));
}

Tensor LoraLayer::weight(const Tensor& w, bool) {
  const Tensor delta = matmul(flatten(lora_B, 1), flatten(lora_A, 1)) * scaling;
  const DType dtype = working_dtype(w.dtype(), delta.dtype());
  return cast(cast(w, dtype) + cast(delta, dtype), w.dtype());
}

Tensor LoraLayer::linear(const Tensor& x, const nn::AdaptedWeight& inside, const Tensor& bias) {
  const Tensor low = papilio::linear(dropout(cast(x, lora_A.dtype())), lora_A, {});
  const Tensor delta = papilio::linear(low, lora_B, {}) * scaling;
  const Tensor y = inside.linear(x, bias);
  return y + cast(delta, y.dtype());
}

void LoraLayer::visit(nn::Visitor& v) {
  v("lora_A", lora_A);
  v("lora_B", lora_B);
  v("dropout", dropout);
}

std::string LoraLayer::describe() const {
  return str("LoRA(r = ", lora_A.size(0), ", scaling = ", scaling, ")");
}

void LoraLayer::plan(LayerPlan& plan, const nn::AdaptableLayer& layer, const LoraConfig& config,
                     Lines&) {
  check_lora(plan.path, layer, config);
  plan.rank = config.r;
  plan.parameters = config.r * (plan.d + plan.out);
  plan.degrees_of_freedom = degrees_of_freedom(plan.d, plan.out, config.r);
}

std::vector<StoredLayer> LoraLayer::stored(const Tensors& tensors, const LoraConfig&,
                                           const std::string& where) {
  std::vector<StoredLayer> layers;
  for (const auto& [key, a] : tensors) {
    const std::string path = layer_of_key(key, ".lora_A.weight");
    if (path.empty()) continue;
    const auto b = tensors.find(str(kKeyPrefix, path, ".lora_B.weight"));
    check<FileError>(b != tensors.end(), where, ": ", path, " has lora_A and no lora_B");
    const Dims down = a.shape(), up = b->second.shape();
    check<FileError>(down.size() >= 2 && up.size() >= 2, where, ": ", path,
                     ": expected matrices as lora_A and lora_B");
    const int64_t d = down[0] > 0 ? a.numel() / down[0] : 0;  // at a convolution in_channels kh kw
    layers.push_back({.path = path,
                      .sizes = {{"r", down[0]}, {"in", down[1]}, {"out", up[0]}},
                      .parameters = a.numel() + b->second.numel(),
                      .degrees_of_freedom = degrees_of_freedom(d, up[0], down[0])});
  }
  return layers;
}

}  // namespace papilio::boft
