#include "boft/methods/lora.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "autograd/autocast.h"
#include "autograd/backward.h"
#include "autograd/ops.h"
#include "boft/methods/detail/path_pattern.h"
#include "boft/ops/lora_linear.h"
#include "nn/init.h"
#include "nn/layers/conv2d.h"
#include "nn/models/detail/transformers_names.h"
#include "tensor/creation.h"
#include "tensor/random.h"

namespace papilio::boft {

namespace {

// Beyond it not even counts of parameters fit a number.
constexpr int64_t kMostRank = std::numeric_limits<int32_t>::max();

// A and B up to an invertible r x r.
int64_t degrees_of_freedom(int64_t d, int64_t out, int64_t r) {
  r = std::min({r, d, out});
  return r * (d + out - r);
}

}  // namespace

void LoraConfig::fields(FieldVisitor& v) {
  v.integer("r", r, 1, kMostRank);
  v.number("lora_alpha", lora_alpha);
  v.rate("lora_dropout", lora_dropout);
  v.flag("use_rslora", use_rslora);
  v.integers_by_module("rank_pattern", rank_pattern, 1);
  v.numbers_by_module("alpha_pattern", alpha_pattern);
  // Ways to draw A that training has left behind by the time a file is read; all others (pissa,
  // olora, corda, loftq ...) change the base weights too, which PEFT does again when it loads.
  v.flag_or_word("init_lora_weights", init_lora_weights, {"gaussian", "orthogonal", "eva", "mica"},
                 "others change the base weights");
  visit_shared(v, *this);
  v.must_be_false({"use_dora", "use_qalora", "lora_bias"});
  // What would make another model of it.
  v.must_be_null({"layer_replication", "alora_invocation_tokens", "target_parameters",
                  "trainable_token_indices", "use_bdlora", "arrow_config", "kasa_config",
                  "monteclora_config", "velora_config"});
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

const Hooks<LoraConfig> LoraConfig::hooks = {};

namespace {

// PEFT's get_pattern_key: the first entry, in alphabetical order, whose expression matches the end
// of the path.
template <class Value>
Value value_at(const char* field, const std::map<std::string, Value>& pattern,
               const std::string& path, Value otherwise) {
  for (const auto& [expression, value] : pattern) {
    const PathPattern end(field, R"((.*\.)?()" + expression + ")");
    if (end.full_match(path) || end.full_match(nn::transformers5_name(path))) return value;
    if (const auto halves = nn::halves_of(path); halves && end.full_match((*halves)[0]))
      return value;
  }
  return otherwise;
}

}  // namespace

int64_t LoraConfig::rank_at(const std::string& path) const {
  return value_at("rank_pattern", rank_pattern, path, r);
}

double LoraConfig::scaling_at(const std::string& path) const {
  const auto rank = double(rank_at(path));
  return value_at("alpha_pattern", alpha_pattern, path, lora_alpha) /
         (use_rslora ? std::sqrt(rank) : rank);
}

void check_lora(const std::string& path, const nn::AdaptableLayer& layer,
                const LoraConfig& config) {
  config.validate();
  check(config.rank_at(path) <= kMostRank, path, ": rank_pattern: expected ranks of at most ",
        kMostRank, ", got ", config.rank_at(path));
  const auto* conv = dynamic_cast<const nn::Conv2d*>(&layer);
  if (conv == nullptr) return;
  check(conv->options.groups == 1, path, ": LoRA adapts no convolution in groups (this one has ",
        conv->options.groups, "); BOFT and OFT do");
}

LoraLayer::LoraLayer(const std::string& path, const nn::AdaptableLayer& layer,
                     const LoraConfig& config)
    : dropout(config.lora_dropout), scaling(config.scaling_at(path)) {
  check_lora(path, layer, config);
  const int64_t r = config.rank_at(path);
  Dims a{r, layer.adapted_inputs()}, b{layer.adapted_outputs(), r};
  if (layer.kind() == nn::AdaptableLayer::Kind::convolution) {
    a = layer.weight.shape();
    a[0] = r;
    b = {layer.adapted_outputs(), r, 1, 1};
  }
  lora_A = empty(a);
  nn::kaiming_uniform_(lora_A);
  set_requires_grad(lora_A);
  lora_B = leaf(config.init_lora_weights ? zeros(b) : normal(b, 0, 0.1));
}

Tensor LoraLayer::weight(const Tensor& w, bool training_now) {
  check_strength(training_now);
  const DType dtype = working_dtype(w.dtype(), lora_A.dtype());
  return cast(cast(w, dtype) + cast(delta(), dtype), w.dtype());
}

Tensor LoraLayer::delta() const {
  return matmul(flatten(lora_B, 1), flatten(lora_A, 1)) * (strength * scaling);
}

Tensor LoraLayer::convolve(const nn::Convolution& conv, const Tensor& x,
                           const nn::AdaptedWeight& inside, const Tensor& bias) {
  const bool drops = training && dropout.p > 0;
  if (!drops && inside.base()) return LayerAdapter::convolve(conv, x, inside, bias);
  check_strength(training);
  const Tensor y = inside.convolve(conv, x, bias);
  const DType dtype = working_dtype(x.dtype(), lora_A.dtype());
  return y + cast(conv(dropout(cast(x, dtype)), cast(delta(), dtype), {}), y.dtype());
}

namespace {

// Where one dtype is settled for all: theirs, or in autocast that of products.
bool in_one_operation(const Tensor& x, const Tensor& w, const Tensor& a) {
  if (autocast_enabled()) {
    return std::ranges::none_of(std::array{x, w, a},
                                [](const Tensor& t) { return t.dtype() == DType::float64; });
  }
  return w.dtype() == x.dtype() && w.dtype() == a.dtype() && size_of(w.dtype()) >= 4;
}

}  // namespace

Tensor LoraLayer::linear(const Tensor& x, const nn::AdaptedWeight& inside, const Tensor& bias) {
  check_strength(training);
  const Tensor w = inside.base();
  const bool drops = dropout.p > 0 && dropout.training;
  if (w && in_one_operation(x, w, lora_A)) {
    return lora_linear(x, w, bias, lora_A, lora_B, strength * scaling,
                       drops ? dropout(cast(x, lora_A.dtype())) : Tensor());
  }
  const Tensor low = papilio::linear(dropout(cast(x, lora_A.dtype())), lora_A, {});
  const Tensor delta = papilio::linear(low, lora_B, {}) * (strength * scaling);
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
  plan.rank = config.rank_at(plan.path);
  plan.parameters = plan.rank * (plan.d + plan.out);
  plan.degrees_of_freedom = degrees_of_freedom(plan.d, plan.out, plan.rank);
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
