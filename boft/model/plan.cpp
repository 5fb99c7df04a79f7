#include "boft/model/plan.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <variant>

#include "nn/adapter.h"

namespace papilio::boft {

int64_t AdapterPlan::trainable_parameters() const {
  int64_t n = 0;
  for (const LayerPlan& layer : layers) n += layer.parameters;
  for (const TrainedInFull& own : trained_in_full) n += own.numel();
  return n;
}

bool AdapterPlan::fits() const {
  return std::ranges::all_of(layers, [](const LayerPlan& l) { return l.problem.empty(); });
}

AdapterPlan plan_adapter(nn::Module& model, const AdapterConfig& config) {
  validate(config);
  const TargetSelection targets = select_targets(model, targets_of(config));
  AdapterPlan result{{}, trained_in_full(model, targets, bias_of(config)), targets.warnings};
  std::string storage;
  std::vector<int64_t> block_nums;
  nn::for_each_module(model, [&](const std::string& path, nn::Module& module) {
    if (std::ranges::find(targets.adapted, path) == targets.adapted.end()) return;
    const auto& layer = dynamic_cast<const nn::AdaptableLayer&>(module);
    LayerPlan plan{.path = path,
                   .module_type = module.describe(),
                   .out = layer.adapted_outputs(),
                   .d = layer.adapted_inputs()};
    plan_layer(plan, layer, config, result.warnings);
    if (storage.empty()) storage = storage_warning(path, layer, config);
    if (plan.block_num > 0) block_nums.push_back(plan.block_num);
    result.layers.push_back(std::move(plan));
  });
  for (const std::string& warning :
       {storage, start_warning(config), dropout_warning(config, block_nums)})
    if (!warning.empty()) result.warnings.push_back(warning);
  return result;
}

}  // namespace papilio::boft
