#include "boft/model/plan.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <variant>

#include "boft/methods/lora.h"
#include "boft/methods/oft.h"
#include "boft/ops/butterfly_shape.h"
#include "nn/layers/conv1d.h"
#include "nn/layers/embedding.h"

namespace papilio::boft {

namespace {

using Layer = nn::AdaptableLayer;

void plan_layer(LayerPlan& plan, const Layer&, const BoftConfig& c, std::vector<std::string>&) {
  const ButterflyShape shape = butterfly_shape(plan.path, plan.d, c.boft_block_size,
                                               c.boft_block_num, c.boft_n_butterfly_factor);
  plan.block_size = shape.b;
  plan.block_num = shape.blocks;
  plan.factors = shape.m;
  const int64_t blocks = shape.m * shape.blocks;
  plan.parameters = blocks * shape.b * shape.b + plan.out;
  plan.degrees_of_freedom = blocks * shape.b * (shape.b - 1) / 2 + plan.out;
}

void plan_layer(LayerPlan& plan, const Layer&, const OftConfig& c,
                std::vector<std::string>& warnings) {
  const OftShape shape = oft_shape(plan.path, plan.d, c, warnings);
  plan.block_size = shape.block_size;
  plan.block_num = shape.blocks;
  plan.factors = 1;
  plan.parameters =
      (c.block_share ? 1 : shape.blocks) * shape.block_size * (shape.block_size - 1) / 2;
  plan.degrees_of_freedom = plan.parameters;
}

void plan_layer(LayerPlan& plan, const Layer& layer, const LoraConfig& c,
                std::vector<std::string>&) {
  check_lora(plan.path, layer, c);
  plan.rank = c.r;
  plan.parameters = c.r * (plan.d + plan.out);
  const int64_t rank = std::min({c.r, plan.d, plan.out});  // A and B up to an invertible r x r
  plan.degrees_of_freedom = rank * (plan.d + plan.out - rank);
}

}  // namespace

int64_t AdapterPlan::trainable_parameters() const {
  int64_t n = 0;
  for (const LayerPlan& layer : layers) n += layer.parameters;
  for (const auto& [name, tensor] : trained_in_full) n += tensor->numel();
  return n;
}

bool AdapterPlan::fits() const {
  return std::ranges::all_of(layers, [](const LayerPlan& l) { return l.problem.empty(); });
}

std::string storage_warning(const std::string& path, const nn::AdaptableLayer& layer,
                            bool fan_in_fan_out) {
  const bool transposed = dynamic_cast<const nn::Conv1D*>(&layer) != nullptr;
  if (transposed == fan_in_fan_out) return "";
  return str("fan_in_fan_out is ", fan_in_fan_out ? "true" : "false", ", but ", path, " is a ",
             layer.describe(), ", whose weight is stored ", transposed ? "(in, out)" : "(out, in)",
             "; it is read as it is stored");
}

std::string dropout_warning(const AdapterConfig& config, const std::vector<int64_t>& block_nums) {
  const auto* boft = std::get_if<BoftConfig>(&config);
  const auto* oft = std::get_if<OftConfig>(&config);
  const double p = boft != nullptr ? boft->boft_dropout : oft != nullptr ? oft->module_dropout : 0;
  if (p == 0 || block_nums.empty()) return "";
  if (oft != nullptr && oft->block_share)
    return "module_dropout drops nothing: the block is shared";
  const int64_t most = *std::ranges::max_element(block_nums);
  if (int64_t(p * double(most)) > 0) return "";
  return str(boft != nullptr ? "boft_dropout " : "module_dropout ", p,
             " drops nothing: it replaces int(p N) blocks, and N is at most ", most);
}

AdapterPlan plan_adapter(nn::Module& model, const AdapterConfig& config) {
  std::visit([](const auto& c) { c.validate(); }, config);
  const TargetSelection targets = select_targets(model, targets_of(config));
  AdapterPlan result{{}, trained_in_full(model, targets, bias_of(config)), targets.warnings};
  const bool transposed = std::visit([](const auto& c) { return c.fan_in_fan_out; }, config);
  std::string storage;
  std::vector<int64_t> block_nums;
  nn::for_each_module(model, [&](const std::string& path, nn::Module& module) {
    if (std::ranges::find(targets.adapted, path) == targets.adapted.end()) return;
    const auto& layer = dynamic_cast<const nn::AdaptableLayer&>(module);
    LayerPlan plan;
    plan.path = path;
    plan.module_type = module.describe();
    plan.out = layer.adapted_outputs();
    plan.d = layer.adapted_inputs();
    try {
      std::visit([&](const auto& c) { plan_layer(plan, layer, c, result.warnings); }, config);
    } catch (const ArgumentError& e) {
      const std::string problem = e.what();  // begins with the path
      plan.problem = problem.starts_with(path + ": ") ? problem.substr(path.size() + 2) : problem;
    }
    if (!std::holds_alternative<OftConfig>(config) &&
        dynamic_cast<const nn::Embedding*>(&layer) != nullptr)
      plan.problem = str("an embedding, which ", peft_type(config), " cannot adapt");
    if (storage.empty()) storage = storage_warning(path, layer, transposed);
    if (plan.block_num > 0) block_nums.push_back(plan.block_num);
    result.layers.push_back(std::move(plan));
  });
  for (const std::string& warning : {storage, dropout_warning(config, block_nums)})
    if (!warning.empty()) result.warnings.push_back(warning);
  return result;
}

}  // namespace papilio::boft
