// One adapter on a model: which layers carry it, and which of the model's tensors it has copies of.
#pragma once

#include <string>
#include <vector>

#include "autograd/ops/quantized_linear.h"
#include "boft/methods/methods.h"
#include "nn/adapter.h"

namespace papilio::boft {

struct LayerRef {
  std::string path;
  nn::AdaptableLayer* layer = nullptr;
  LayerAdapter* adapter = nullptr;  // the layer's socket owns it
};

// A tensor of the model that an adapter trains a copy of: a parameter of modules_to_save, or a
// bias.
struct OwnTensor {
  std::string path;
  Tensor* field;    // in the model; holds `original` or `copy`, whichever is in use
  Tensor original;  // the model's; undefined if those are codes
  Tensor copy;      // the adapter's; of codes the numbers that they stand for
  nn::AdaptableLayer* coded = nullptr;  // the layer of `field`, if it has codes in its place
  QuantizedMatrix codes = {};           // the model's
};

// An adapter that is attached: its configuration, and what was said about it.
struct Attached {
  std::string name;
  AdapterConfig config;
  std::vector<std::string> warnings = {};
  std::vector<LayerRef> layers = {};  // in the model's order
  std::vector<OwnTensor> own = {};
  bool transformers5_names = false;
  std::string tied = {};  // "a.weight and b.weight", if it adapts one of tied weights
};

// Plugs an adapter into the layers that its configuration names, frozen and not active. The model's
// fields hold its own tensors, and keep them: codes of modules_to_save are dequantised in the copy.
// Throws ArgumentError and leaves the model as it was for targets that match nothing, a shape that
// does not divide, and trained biases beside those of `others`.
Attached attach(nn::Module& model, const std::string& name, const AdapterConfig& config,
                const std::vector<Attached>& others);

// What attach would give an adapter of this configuration: shapes without memory
// (tensor/dry_run.h).
struct PlannedAdapter {
  std::vector<std::string> layers;  // the adapted ones' paths
  Tensors tensors = {};             // of the layers' adapters: "fc1.lora_A.weight"
  Tensors own = {};                 // copies of the model's, by path
};
// Throws as attach does.
PlannedAdapter planned_adapter(nn::Module& model, const AdapterConfig& config);

}  // namespace papilio::boft
