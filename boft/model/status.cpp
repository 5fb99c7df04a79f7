#include "boft/model/status.h"

#include <algorithm>
#include <utility>

#include "nn/adapter.h"
#include "nn/detail/text_table.h"
#include "tensor/text.h"

namespace papilio::boft {

namespace {

// All, none or some of the parameters.
std::optional<bool> trains(nn::Module& adapter) {
  const nn::ParameterCount count = nn::count_parameters(adapter);
  if (count.trainable == 0) return false;
  return count.trainable == count.all ? std::optional(true) : std::nullopt;
}

std::string text(const std::vector<std::string>& names) {
  return names.empty() ? "-" : joined(names, ", ");
}

std::string text(const std::map<std::string, std::optional<bool>>& requires_grad) {
  std::vector<std::string> names;
  for (const auto& [name, on] : requires_grad) {
    if (on.value_or(true)) names.push_back(on ? name : name + " (partly)");
  }
  return text(names);
}

}  // namespace

std::vector<LayerStatus> layer_status(const AdapterModel& adapters) {
  std::vector<LayerStatus> result;
  nn::for_each_module(adapters.model(), [&](const std::string& path, nn::Module& module) {
    const auto* layer = dynamic_cast<nn::AdaptableLayer*>(&module);
    if (layer == nullptr || layer->adapters.empty()) return;
    LayerStatus s{.name = path,
                  .module_type = module.describe(),
                  .enabled = layer->adapters.enabled(),
                  .active_adapters = layer->adapters.active(),
                  .merged_adapters = layer->adapters.merged(),
                  .available_adapters = layer->adapters.names(),
                  .requires_grad = {},
                  .device = layer->weight_device()};
    for (const std::string& name : s.available_adapters)
      s.requires_grad[name] = trains(*layer->adapters.find(name));
    result.push_back(std::move(s));
  });
  return result;
}

ModelStatus model_status(const AdapterModel& adapters) {
  const nn::ParameterCount count = nn::count_parameters(adapters.model());
  ModelStatus s;
  s.base_model_type = adapters.model().describe();
  s.trainable_params = count.trainable;
  s.total_params = count.all;
  s.active_adapters = adapters.active();
  s.merged_adapters = adapters.merged();
  s.available_adapters = adapters.names();
  for (const std::string& name : s.available_adapters)
    s.peft_types[name] = peft_type(adapters.config(name));
  for (const LayerStatus& layer : layer_status(adapters)) {
    ++s.num_adapter_layers;
    s.enabled = layer.enabled;
    for (const auto& [name, on] : layer.requires_grad) {
      const auto [at, first] = s.requires_grad.emplace(name, on);
      if (!first && at->second != on) at->second.reset();
    }
  }
  return s;
}

std::string status_table(const AdapterModel& adapters) {
  const ModelStatus s = model_status(adapters);
  std::string result = str(s.base_model_type, ", ", s.num_adapter_layers,
                           (s.num_adapter_layers == 1 ? " adapted layer, " : " adapted layers, "),
                           s.enabled ? "enabled" : "disabled", "; ",
                           nn::trainable_parameters_line(adapters.model()), '\n');
  std::vector<std::vector<std::string>> rows{{"adapter", "type", "active", "merged", "trains"}};
  const auto yes = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end() ? "yes" : "no";
  };
  for (const std::string& name : s.available_adapters) {
    const auto trains = s.requires_grad.find(name);
    const bool known = trains != s.requires_grad.end();
    rows.push_back({name, s.peft_types.at(name), yes(s.active_adapters, name),
                    yes(s.merged_adapters, name),
                    !known            ? "no"
                    : !trains->second ? "partly"
                    : *trains->second ? "yes"
                                      : "no"});
  }
  result += nn::table(rows, rows[0].size());
  rows = {{"layer", "type", "enabled", "active", "merged", "trains", "available", "device"}};
  for (const LayerStatus& layer : layer_status(adapters)) {
    rows.push_back({layer.name, layer.module_type, layer.enabled ? "yes" : "no",
                    text(layer.active_adapters), text(layer.merged_adapters),
                    text(layer.requires_grad), text(layer.available_adapters), str(layer.device)});
  }
  return result + nn::table(rows, rows[0].size());
}

}  // namespace papilio::boft
