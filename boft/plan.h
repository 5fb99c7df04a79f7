// What a configuration would do to a model, before anything is attached.
#pragma once

#include <string>
#include <vector>

#include "boft/targets.h"

namespace papilio::boft {

struct LayerPlan {
  std::string path, module_type;  // encoder.layer.0.attention.query, "Linear(64 -> 64)"
  int64_t out = 0, d = 0;         // the weight as a matrix
  // Rotations: m factors of N blocks of size b; 0 at LoRA, whose rank is r.
  int64_t block_size = 0, block_num = 0, factors = 0, rank = 0;
  int64_t parameters = 0;          // stored and trained
  int64_t degrees_of_freedom = 0;  // m N b (b - 1) / 2 + out for BOFT; r (d + out - r) for LoRA
  // Why it does not fit, with the nearest valid settings; else empty.
  std::string problem;
};

struct AdapterPlan {
  std::vector<LayerPlan> layers;                 // in the model's order
  std::vector<nn::NamedTensor> trained_in_full;  // of modules_to_save, and biases
  std::vector<std::string> warnings;

  int64_t trainable_parameters() const;
  bool fits() const;
};

// Throws ArgumentError for a configuration that contradicts itself or matches nothing; a layer that
// it does not fit is described in its plan.
AdapterPlan plan_adapter(nn::Module& model, const AdapterConfig& config);

}  // namespace papilio::boft
