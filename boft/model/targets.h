// Which modules a configuration adapts: PEFT's rules, in PEFT's order.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "boft/methods/methods.h"
#include "nn/adapter.h"
#include "nn/module.h"

namespace papilio::boft {

struct TargetSelection {
  std::vector<std::string> adapted;   // paths, in the model's order
  std::vector<std::string> saved;     // paths of modules_to_save
  std::vector<std::string> warnings;  // one line each
  // Some of them are meant only under the names of Transformers 5
  // (nn/models/detail/transformers_names.h).
  bool transformers5_names = false;
};

// Names may be those of Transformers 4 and the checkpoints or those of Transformers 5: a module
// matches under either. exclude_modules first; then modules_to_save, which are never adapted; then
// target_modules as a pattern (layers_to_transform is ignored, with a warning), "all-linear", an
// exact name, or a suffix ".name" under the layer filter. Every entry that matches nothing is
// warned about. Only layers with an adapter socket can be adapted; another one that is named throws
// ArgumentError, and so does one of Transformers 5's two halves of a layer without the other, and a
// configuration that matches nothing: its message lists the targets and the names that exist, or
// blames the layer filter.
TargetSelection select_targets(nn::Module& model, const TargetRules& rules);

// A tensor of the model that trains as it is beside the adapter.
struct TrainedInFull {
  std::string name;
  Tensor* tensor;                       // the model's own field
  nn::AdaptableLayer* coded = nullptr;  // the layer, if its codes are in this tensor's place

  // How many elements train.
  int64_t numel() const { return tensor->defined() ? tensor->numel() : coded->quantized.numel(); }
};

// Those of the saved modules, of which codes become numbers, and the biases that `bias` ("none",
// "all", or "boft_only" and its like: of adapted layers) names.
std::vector<TrainedInFull> trained_in_full(nn::Module& model, const TargetSelection& targets,
                                           const std::string& bias);

}  // namespace papilio::boft
