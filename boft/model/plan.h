// What a configuration would do to a model, before anything is attached.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "boft/model/targets.h"
#include "nn/adapter.h"

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

// What a configuration would adapt and train in a model.
struct AdapterPlan {
  std::vector<LayerPlan> layers;                 // in the model's order
  std::vector<nn::NamedTensor> trained_in_full;  // of modules_to_save, and biases
  std::vector<std::string> warnings;

  // How many parameters would train, and whether no layer stands against it.
  int64_t trainable_parameters() const;
  bool fits() const;
};

// One line, or nothing: fan_in_fan_out against how the layer's weight is stored, which decides.
std::string storage_warning(const std::string& path, const nn::AdaptableLayer& layer,
                            bool fan_in_fan_out);
// One line, or nothing: dropout that drops nothing, because int(p N) is 0 at every layer, or
// because OFT's one block is shared. N: the blocks of each layer.
std::string dropout_warning(const AdapterConfig& config, const std::vector<int64_t>& block_nums);

// Throws ArgumentError for a configuration that contradicts itself or matches nothing; a layer that
// it does not fit is described in its plan.
AdapterPlan plan_adapter(nn::Module& model, const AdapterConfig& config);

}  // namespace papilio::boft
