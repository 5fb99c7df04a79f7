// What is attached, active, merged and trainable where: PEFT's get_layer_status and
// get_model_status.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "boft/model/model.h"

namespace papilio::boft {

// One adapted layer. Fields are those of PEFT's TunerLayerStatus.
struct LayerStatus {
  std::string name, module_type;  // encoder.layer.0.attention.query, "Linear(64 -> 64)"
  bool enabled = true;
  std::vector<std::string> active_adapters, merged_adapters, available_adapters;
  // Whether an adapter's parameters here train: all, none (false), or only some (no value).
  std::map<std::string, std::optional<bool>> requires_grad;
  Device device = Device::cpu();
};

// The whole model. Fields are those of PEFT's TunerModelStatus.
struct ModelStatus {
  std::string base_model_type;
  std::map<std::string, std::string> peft_types;  // adapter -> "BOFT"
  int64_t trainable_params = 0, total_params = 0, num_adapter_layers = 0;
  bool enabled = true;
  std::vector<std::string> active_adapters, merged_adapters, available_adapters;
  std::map<std::string, std::optional<bool>> requires_grad;
};

// The adapted layers in the model's order.
std::vector<LayerStatus> layer_status(const AdapterModel& adapters);
ModelStatus model_status(const AdapterModel& adapters);

// Both as text: a summary, and a line a layer. Ends with a newline.
std::string status_table(const AdapterModel& adapters);

}  // namespace papilio::boft
