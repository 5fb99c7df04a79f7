#include "boft/model/attach.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "boft/model/targets.h"
#include "tensor/copy.h"
#include "tensor/dry_run.h"
#include "tensor/random.h"

namespace papilio::boft {

namespace {

// The layers named, without adapters.
std::vector<LayerRef> layers_of(nn::Module& model, const std::vector<std::string>& paths) {
  std::vector<LayerRef> layers;
  nn::for_each_module(model, [&](const std::string& path, nn::Module& module) {
    if (std::ranges::find(paths, path) != paths.end())
      layers.push_back({path, dynamic_cast<nn::AdaptableLayer*>(&module)});
  });
  return layers;
}

void check_biases(const std::string& bias, const std::vector<Attached>& others) {
  if (bias == "none") return;
  for (const Attached& other : others) {
    check(bias_of(other.config) == "none", "add_adapter: adapter ", other.name,
          " trains biases already (bias = \"", bias_of(other.config), "\"); only one adapter may");
  }
}

// The first layer whose storage is not what the configuration says.
std::string first_storage_warning(const Attached& a) {
  for (const LayerRef& ref : a.layers) {
    std::string warning = storage_warning(ref.path, *ref.layer, a.config);
    if (!warning.empty()) return warning;
  }
  return "";
}

// Copies of what trains in full. Codes become what they stand for.
std::vector<OwnTensor> copies_of(const std::vector<TrainedInFull>& fields) {
  std::vector<OwnTensor> own;
  for (const auto& [path, field, coded] : fields) {
    if (coded == nullptr) {
      own.push_back({path, field, *field, copy_of(*field)});
      continue;
    }
    const Tensor w = coded->from_matrix(dequantize(coded->quantized));
    own.push_back({path, field, {}, contiguous_data(w), coded, coded->quantized});
  }
  return own;
}

// Two names of one tensor (tied weights) of which these fields have one; else empty.
std::string tied_among(nn::Module& model, const std::vector<std::string>& fields) {
  for (const std::vector<std::string>& names : nn::tied_parameters(model)) {
    for (const std::string& field : fields)
      if (std::ranges::count(names, field) > 0) return names[0] + " and " + names[1];
  }
  return "";
}

std::vector<std::unique_ptr<LayerAdapter>> make_adapters(Attached& a) {
  std::vector<std::unique_ptr<LayerAdapter>> made;
  for (LayerRef& ref : a.layers) {
    made.push_back(make_adapter(ref.path, *ref.layer, a.config, a.warnings));
    ref.adapter = made.back().get();
    nn::train(*ref.adapter, ref.layer->training);
    nn::to(*ref.adapter, ref.layer->weight_device());
    nn::set_trainable(*ref.adapter, false);
  }
  return made;
}

}  // namespace

Attached attach(nn::Module& model, const std::string& name, const AdapterConfig& config,
                const std::vector<Attached>& others) {
  validate(config);
  const TargetSelection targets = select_targets(model, targets_of(config));
  Attached a{.name = name,
             .config = config,
             .warnings = targets.warnings,
             .layers = layers_of(model, targets.adapted),
             .transformers5_names = targets.transformers5_names};
  if (std::string warning = first_storage_warning(a); !warning.empty())
    a.warnings.push_back(std::move(warning));
  check_biases(bias_of(config), others);
  a.own = copies_of(trained_in_full(model, targets, bias_of(config)));
  std::vector<std::string> own, adapted;
  for (const OwnTensor& copy : a.own) own.push_back(copy.path);
  const std::string parted = tied_among(model, own);
  check(parted.empty(), "modules_to_save: ", parted,
        " are one tensor (tied weights), of which an adapter cannot have a copy of its own");
  for (const LayerRef& ref : a.layers) adapted.push_back(ref.path + ".weight");
  a.tied = tied_among(model, adapted);
  std::vector<std::unique_ptr<LayerAdapter>> adapters = make_adapters(a);
  for (const LayerRef& ref : a.layers)
    check(ref.layer->adapters.find(name) == nullptr, "add_adapter: ", ref.path,
          " carries an adapter named ", name, " of somebody else");
  std::vector<int64_t> block_nums;
  for (size_t i = 0; i < adapters.size(); ++i) {
    if (const int64_t n = adapters[i]->block_num(); n > 0) block_nums.push_back(n);
    a.layers[i].layer->adapters.add(name, std::move(adapters[i]));
  }
  for (const std::string& warning : {start_warning(config), dropout_warning(config, block_nums)})
    if (!warning.empty()) a.warnings.push_back(warning);
  return a;
}

PlannedAdapter planned_adapter(nn::Module& model, const AdapterConfig& config) {
  validate(config);
  const TargetSelection targets = select_targets(model, targets_of(config));
  PlannedAdapter planned{.layers = targets.adapted};
  const GeneratorState random = default_generator().state();
  const DryRun shapes;
  for (const OwnTensor& own : copies_of(trained_in_full(model, targets, bias_of(config))))
    planned.own[own.path] = own.copy;
  Lines warnings;
  for (const LayerRef& ref : layers_of(model, targets.adapted)) {
    const auto adapter = make_adapter(ref.path, *ref.layer, config, warnings);
    for (const auto& [key, tensor] : adapter->tensors())
      planned.tensors[str(ref.path, '.', key)] = tensor;
  }
  default_generator().set_state(random);
  return planned;
}

}  // namespace papilio::boft
