#include "boft/model/model.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <tuple>
#include <utility>
#include <variant>

#include "autograd/backward.h"
#include "boft/methods/lora.h"
#include "boft/methods/oft.h"
#include "boft/model/plan.h"
#include "nn/layers/embedding.h"
#include "tensor/copy.h"
#include "tensor/files/detail/check_name.h"

namespace papilio::boft {

namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

// N at each layer; nothing for LoRA.
std::vector<int64_t> block_nums(const std::vector<AdapterModel::LayerRef>& layers,
                                const std::string& name) {
  std::vector<int64_t> numbers;
  for (const auto& [path, layer] : layers) {
    nn::Adapter* adapter = layer->adapters.find(name);
    if (const auto* boft = dynamic_cast<BoftLayer*>(adapter)) numbers.push_back(boft->block_num());
    if (const auto* oft = dynamic_cast<OftLayer*>(adapter)) numbers.push_back(oft->block_num());
  }
  return numbers;
}

std::unique_ptr<nn::Adapter> make_adapter(const std::string& path, const nn::AdaptableLayer& layer,
                                          const AdapterConfig& config,
                                          std::vector<std::string>& warnings) {
  if (const auto* oft = std::get_if<OftConfig>(&config))
    return std::make_unique<OftLayer>(path, layer, *oft, warnings);
  check(dynamic_cast<const nn::Embedding*>(&layer) == nullptr, "target_modules: ", path, " is an ",
        layer.describe(), ", which ", peft_type(config), " cannot adapt; OFT can");
  if (const auto* boft = std::get_if<BoftConfig>(&config))
    return std::make_unique<BoftLayer>(path, layer, *boft);
  return std::make_unique<LoraLayer>(path, layer, std::get<LoraConfig>(config));
}

}  // namespace

AdapterModel::AdapterModel(nn::Module& model) : model_(model) {
  nn::set_trainable(model, false);
}

const AdapterModel::Entry& AdapterModel::entry(const char* operation,
                                               const std::string& name) const {
  const auto found = std::ranges::find(adapters_, name, &Entry::name);
  if (found != adapters_.end()) return *found;
  std::string known;
  for (const Entry& e : adapters_) known += (known.empty() ? "" : ", ") + e.name;
  throw ArgumentError(str(operation, ": there is no adapter named ", name,
                          "; there are: ", known.empty() ? "none" : known));
}

AdapterModel::Entry AdapterModel::make_entry(const std::string& name, const AdapterConfig& config) {
  std::visit([](const auto& c) { c.validate(); }, config);
  const TargetSelection targets = select_targets(model_, targets_of(config));
  Entry e{name, config, targets.warnings, {}, {}, targets.transformers5_names};
  nn::for_each_module(model_, [&](const std::string& path, nn::Module& module) {
    if (contains(targets.adapted, path))
      e.layers.push_back({path, dynamic_cast<nn::AdaptableLayer*>(&module)});
  });
  const bool transposed = std::visit([](const auto& c) { return c.fan_in_fan_out; }, config);
  for (const LayerRef& ref : e.layers) {
    const std::string warning = storage_warning(ref.path, *ref.layer, transposed);
    if (warning.empty()) continue;
    e.warnings.push_back(warning);
    break;  // once
  }
  const std::string& bias = bias_of(config);
  if (bias != "none") {
    for (const Entry& other : adapters_) {
      check(bias_of(other.config) == "none", "add_adapter: adapter ", other.name,
            " trains biases already (bias = \"", bias_of(other.config),
            "\"); only one adapter may");
    }
  }
  for (const auto& [path, field] : trained_in_full(model_, targets, bias))
    e.own.push_back({path, field, *field, copy_of(*field)});
  return e;
}

std::vector<std::string> AdapterModel::add_adapter(const std::string& name,
                                                   const AdapterConfig& config) {
  check_name("add_adapter", name);
  check(std::ranges::find(adapters_, name, &Entry::name) == adapters_.end(),
        "add_adapter: an adapter named ", name, " exists already");
  check(merged_.empty(), "add_adapter: adapters are merged; unmerge first");
  check(enabled_, "add_adapter: the adapters are disabled");
  show_own_tensors(false);
  std::vector<std::pair<nn::AdaptableLayer*, std::unique_ptr<nn::Adapter>>> made;
  try {
    adapters_.push_back(make_entry(name, config));
    for (const auto& [path, layer] : adapters_.back().layers) {
      made.emplace_back(layer, make_adapter(path, *layer, config, adapters_.back().warnings));
      made.back().second->training = layer->training;
      nn::to(*made.back().second, layer->weight.device());
      nn::set_trainable(*made.back().second, false);
    }
    for (const auto& [path, layer] : adapters_.back().layers)
      check(layer->adapters.find(name) == nullptr, "add_adapter: ", path,
            " carries an adapter named ", name, " of somebody else");
  } catch (...) {
    std::erase_if(adapters_, [&](const Entry& e) { return e.name == name; });
    show_own_tensors(true);
    throw;
  }
  for (auto& [layer, adapter] : made) layer->adapters.add(name, std::move(adapter));
  if (const std::string warning =
          dropout_warning(config, block_nums(adapters_.back().layers, name));
      !warning.empty())
    adapters_.back().warnings.push_back(warning);
  show_own_tensors(true);
  if (adapters_.size() == 1) set_adapter({name});
  return adapters_.back().warnings;
}

std::vector<std::string> AdapterModel::delete_adapter(const std::string& name) {
  const Entry& gone = entry("delete_adapter", name);
  check(enabled_, "delete_adapter: the adapters are disabled");
  check(!contains(merged_, name), "delete_adapter: ", name, " is merged; unmerge it first");
  show_own_tensors(false);
  for (const LayerRef& ref : gone.layers) ref.layer->adapters.remove(name);
  std::erase_if(adapters_, [&](const Entry& e) { return e.name == name; });
  const bool was_active = std::erase(active_, name) > 0;
  show_own_tensors(enabled_);
  if (!was_active || !active_.empty() || adapters_.empty() || !merged_.empty()) return {};
  set_adapter({adapters_.front().name});
  return {str("adapter ", name, " was active and is deleted; ", active_.front(), " is active now")};
}

void AdapterModel::set_adapter(const std::vector<std::string>& names) {
  check(merged_.empty(), "set_adapter: adapters are merged; unmerge first");
  std::map<std::string, std::string> owner;
  for (size_t i = 0; i < names.size(); ++i) {
    check(std::find(names.begin(), names.begin() + int64_t(i), names[i]) ==
              names.begin() + int64_t(i),
          "set_adapter: ", names[i], " appears twice");
    for (const OwnTensor& own : entry("set_adapter", names[i]).own) {
      const auto [other, first] = owner.emplace(own.path, names[i]);
      check(first, "set_adapter: adapters ", other->second, " and ", names[i],
            " both have their own ", own.path, "; only one of them can be active");
    }
  }
  show_own_tensors(false);
  active_ = names;
  for (const Entry& e : adapters_) {
    const bool on = contains(active_, e.name);
    for (const LayerRef& ref : e.layers) {
      ref.layer->adapters.activate(active_);
      nn::set_trainable(*ref.layer->adapters.find(e.name), on);
    }
  }
  for (Entry& e : adapters_) {
    for (OwnTensor& own : e.own) set_requires_grad(own.copy, contains(active_, e.name));
  }
  show_own_tensors(enabled_);
}

std::vector<std::string> AdapterModel::names() const {
  std::vector<std::string> result;
  for (const Entry& e : adapters_) result.push_back(e.name);
  return result;
}

const AdapterConfig& AdapterModel::config(const std::string& name) const {
  return entry("config", name).config;
}

bool AdapterModel::transformers5_names(const std::string& name) const {
  return entry("transformers5_names", name).transformers5_names;
}

const std::vector<AdapterModel::OwnTensor>& AdapterModel::own_tensors(
    const std::string& name) const {
  check_fields("own_tensors");
  return entry("own_tensors", name).own;
}

const std::vector<AdapterModel::LayerRef>& AdapterModel::layers(const std::string& name) const {
  return entry("layers", name).layers;
}

void AdapterModel::check_fields(const char* operation) const {
  const auto shows = [&](const Tensor* field) {
    for (const Entry& e : adapters_) {
      for (const OwnTensor& own : e.own) {
        if (own.field == field &&
            (field->storage() == own.original.storage() || field->storage() == own.copy.storage()))
          return true;
      }
    }
    return false;
  };
  for (const Entry& e : adapters_) {
    for (const OwnTensor& own : e.own) {
      check(shows(own.field), operation, ": ", own.path,
            " was replaced while adapters have their own; move the model with AdapterModel::to");
    }
  }
}

void AdapterModel::to(Device device) {
  show_own_tensors(false);
  nn::to(model_, device);
  for (Entry& e : adapters_) {
    for (OwnTensor& own : e.own) {
      own.original = *own.field;
      if (own.copy.device() == device) continue;
      const bool trainable = own.copy.requires_grad();
      own.copy = copy_of(own.copy, device);
      set_requires_grad(own.copy, trainable);
    }
  }
  show_own_tensors(enabled_);
}

void AdapterModel::show_own_tensors(bool adapters) {
  check_fields("AdapterModel");
  for (const Entry& e : adapters_) {
    for (const OwnTensor& own : e.own) *own.field = own.original;
  }
  if (!adapters) return;
  for (const Entry& e : adapters_) {
    if (!contains(active_, e.name)) continue;
    for (const OwnTensor& own : e.own) *own.field = own.copy;
  }
}

void AdapterModel::set_enabled(bool on) {
  enabled_ = on;
  show_own_tensors(on);
  for (const Entry& e : adapters_) {
    for (const LayerRef& ref : e.layers) ref.layer->adapters.enable(ref.layer->weight, on);
  }
}

AdapterModel::Disabled::Disabled(AdapterModel& model) : model_(model), before_(model.enabled_) {
  model_.set_enabled(false);
}

AdapterModel::Disabled::~Disabled() {
  model_.set_enabled(before_);
}

void AdapterModel::check_order(const std::vector<std::string>& names) const {
  auto next = names.begin();
  for (const std::string& name : active_) {
    const auto at = std::ranges::find(names, name);
    if (at == names.end()) continue;
    check(at >= next, "merge: ", name,
          " is named too early; name active adapters in the order of their activation");
    next = at + 1;
  }
  std::string outside;
  for (const std::string& name : active_) {
    if (contains(merged_, name)) continue;
    if (!contains(names, name)) {
      if (outside.empty()) outside = name;
    } else {
      check(outside.empty(), "merge: adapter ", outside, " is active, was activated before ", name,
            " and would then apply after it; merge it too, or deactivate it");
    }
  }
}

void AdapterModel::merge(bool safe, std::vector<std::string> names, const Progress& progress) {
  check(enabled_, "merge: the adapters are disabled");
  if (names.empty()) names = active_;
  for (const std::string& name : names) {
    check(std::ranges::count(names, name) == 1, "merge: ", name, " appears twice");
    check(contains(active_, name) || entry("merge", name).own.empty(), "merge: adapter ", name,
          " has its own ", entry("merge", name).own.empty() ? "" : entry("merge", name).own[0].path,
          " and is not active; activate it first");
  }
  check_order(names);
  std::vector<LayerRef> touched;
  for (const std::string& name : names) {
    for (const LayerRef& ref : layers(name)) {
      if (std::ranges::find(touched, ref.layer, &LayerRef::layer) == touched.end())
        touched.push_back(ref);
    }
  }
  std::vector<Tensor> results;
  for (const LayerRef& ref : touched) {
    results.push_back(ref.layer->merged_weight(names, safe));
    if (progress) progress(results.size(), touched.size(), ref.path);
  }
  for (size_t i = 0; i < touched.size(); ++i) {
    touched[i].layer->adapters.set_merged(touched[i].layer->weight, results[i], names);
  }
  for (const std::string& name : names) {
    if (!contains(merged_, name)) merged_.push_back(name);
  }
}

void AdapterModel::unmerge() {
  for (const Entry& e : adapters_) {
    for (const LayerRef& ref : e.layers) ref.layer->adapters.unmerge(ref.layer->weight);
  }
  merged_.clear();
}

void AdapterModel::merge_and_unload(bool safe, std::vector<std::string> names,
                                    const Progress& progress) {
  std::string outside;
  for (const std::string& name : active_) {
    if (!names.empty() && !contains(names, name) && !contains(merged_, name))
      outside += (outside.empty() ? "" : ", ") + name;
  }
  check(outside.empty(),
        "merge_and_unload: active and not named, so that its effect would be lost: ", outside,
        "; name it too, or deactivate it");
  merge(safe, std::move(names), progress);
  std::vector<std::pair<Tensor*, Tensor>> keep;
  for (const Entry& e : adapters_) {
    for (const LayerRef& ref : e.layers) keep.emplace_back(&ref.layer->weight, ref.layer->weight);
    for (const OwnTensor& own : e.own) keep.emplace_back(own.field, own.field->detach());
  }
  unload();
  for (auto& [field, value] : keep) *field = value;
}

void AdapterModel::unload() {
  set_enabled(true);
  unmerge();
  while (!adapters_.empty()) delete_adapter(std::string(adapters_.back().name));
}

}  // namespace papilio::boft
