// What a configuration would do to a model, before anything is attached.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "boft/methods/methods.h"
#include "boft/model/targets.h"
#include "nn/module.h"

namespace papilio::boft {

// What a configuration would adapt and train in a model.
struct AdapterPlan {
  std::vector<LayerPlan> layers;               // in the model's order
  std::vector<TrainedInFull> trained_in_full;  // of modules_to_save, and biases
  std::vector<std::string> warnings;

  // How many parameters would train, and whether no layer stands against it.
  int64_t trainable_parameters() const;
  bool fits() const;
};

// Throws ArgumentError for a configuration that contradicts itself or matches nothing; a layer that
// it does not fit is described in its plan.
AdapterPlan plan_adapter(nn::Module& model, const AdapterConfig& config);

}  // namespace papilio::boft
