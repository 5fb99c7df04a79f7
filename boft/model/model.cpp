#include "boft/model/model.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "boft/model/detail/activate.h"
#include "boft/model/detail/check_adapter.h"
#include "nn/adapter.h"
#include "tensor/files/detail/check_name.h"
#include "tensor/text.h"

namespace papilio::boft {

AdapterModel::AdapterModel(nn::Module& model) : model_(model) {
  nn::set_trainable(model, false);
}

const Attached& AdapterModel::entry(const char* operation, const std::string& name) const {
  check_adapter(operation, name, names());
  return *std::ranges::find(adapters_, name, &Attached::name);
}

std::vector<const Attached*> AdapterModel::entries(const char* operation,
                                                   const std::vector<std::string>& names) const {
  std::vector<const Attached*> found;
  found.reserve(names.size());
  for (const std::string& name : names) found.push_back(&entry(operation, name));
  return found;
}

void AdapterModel::show(bool adapters) const {
  show_own_tensors(adapters_, adapters ? active_ : std::vector<std::string>{});
}

std::vector<std::string> AdapterModel::add_adapter(const std::string& name,
                                                   const AdapterConfig& config) {
  check_name("add_adapter", name);
  check(std::ranges::find(adapters_, name, &Attached::name) == adapters_.end(),
        "add_adapter: an adapter named ", name, " exists already");
  check(merged_.empty(), "add_adapter: adapters are merged; unmerge first");
  check(enabled_, "add_adapter: the adapters are disabled");
  show(false);
  try {
    adapters_.push_back(attach(model_, name, config, adapters_));
  } catch (...) {
    show(true);
    throw;
  }
  show(true);
  if (adapters_.size() == 1) set_adapter({name});
  return adapters_.back().warnings;
}

std::vector<std::string> AdapterModel::delete_adapter(const std::string& name) {
  const Attached& gone = entry("delete_adapter", name);
  check(enabled_, "delete_adapter: the adapters are disabled");
  check(!contains(merged_, name), "delete_adapter: ", name, " is merged; unmerge it first");
  show(false);
  for (const LayerRef& ref : gone.layers) ref.layer->adapters.remove(name);
  std::erase_if(adapters_, [&](const Attached& e) { return e.name == name; });
  const bool was_active = std::erase(active_, name) > 0;
  show(enabled_);
  if (!was_active || !active_.empty() || adapters_.empty() || !merged_.empty()) return {};
  set_adapter({adapters_.front().name});
  return {str("adapter ", name, " was active and is deleted; ", active_.front(), " is active now")};
}

void AdapterModel::set_adapter(const std::vector<std::string>& names) {
  check(merged_.empty(), "set_adapter: adapters are merged; unmerge first");
  check_activation(names, entries("set_adapter", names));
  show(false);
  active_ = names;
  activate(adapters_, active_);
  show(enabled_);
}

std::vector<std::string> AdapterModel::names() const {
  std::vector<std::string> result;
  for (const Attached& e : adapters_) result.push_back(e.name);
  return result;
}

const AdapterConfig& AdapterModel::config(const std::string& name) const {
  return entry("config", name).config;
}

bool AdapterModel::transformers5_names(const std::string& name) const {
  return entry("transformers5_names", name).transformers5_names;
}

const std::vector<OwnTensor>& AdapterModel::own_tensors(const std::string& name) const {
  check_own_tensors("own_tensors", adapters_);
  return entry("own_tensors", name).own;
}

const std::vector<LayerRef>& AdapterModel::layers(const std::string& name) const {
  return entry("layers", name).layers;
}

void AdapterModel::set_strength(const std::string& name, double strength) {
  const Attached& a = entry("set_strength", name);
  check(!contains(merged_, name), "set_strength: ", name, " is merged; unmerge it first");
  check(std::isfinite(strength), "set_strength: expected a finite number, got ", strength);
  for (const LayerRef& ref : a.layers) ref.adapter->strength = strength;
}

void AdapterModel::to(Device device) {
  show(false);
  nn::to(model_, device);
  move_own_tensors(adapters_, device);
  show(enabled_);
}

void AdapterModel::set_enabled(bool on) {
  enabled_ = on;
  show(on);
  for (const Attached& e : adapters_) {
    for (const LayerRef& ref : e.layers) ref.layer->enable_adapters(on);
  }
}

AdapterModel::Disabled::Disabled(AdapterModel& model) : model_(model), before_(model.enabled_) {
  model_.set_enabled(false);
}

AdapterModel::Disabled::~Disabled() {
  model_.set_enabled(before_);
}

void AdapterModel::merge(bool safe, std::vector<std::string> names, const Progress& progress) {
  check(enabled_, "merge: the adapters are disabled");
  if (names.empty()) names = active_;
  const std::vector<const Attached*> chosen = entries("merge", names);
  for (const Attached* e : chosen) {
    check(std::ranges::count(names, e->name) == 1, "merge: ", e->name, " appears twice");
    check(contains(active_, e->name) || e->own.empty(), "merge: adapter ", e->name, " has its own ",
          e->own.empty() ? "" : e->own[0].path, " and is not active; activate it first");
  }
  check_merge_order(names, active_, merged_);
  merge_errors_ = merge_layers(chosen, safe, progress);
  for (const std::string& name : names) {
    if (!contains(merged_, name)) merged_.push_back(name);
  }
}

void AdapterModel::unmerge() {
  for (const Attached& e : adapters_) {
    for (const LayerRef& ref : e.layers) ref.layer->unmerge();
  }
  merged_.clear();
}

void AdapterModel::merge_and_unload(bool safe, std::vector<std::string> names,
                                    const Progress& progress) {
  std::vector<std::string> outside;
  for (const std::string& name : active_) {
    if (!names.empty() && !contains(names, name) && !contains(merged_, name))
      outside.push_back(name);
  }
  check(outside.empty(),
        "merge_and_unload: active and not named, so that its effect would be lost: ",
        joined(outside, ", "), "; name it too, or deactivate it");
  for (const Attached& e : adapters_)
    check(e.tied.empty(), "merge_and_unload: ", e.tied,
          " are one tensor (tied weights), of which the adapter changes one; it can be merged and "
          "unmerged, but no plain model has its weights");
  merge(safe, std::move(names), progress);
  std::vector<OwnTensor> keep;
  std::vector<std::pair<nn::AdaptableLayer*, nn::StoredWeight>> merged;
  for (const Attached& e : adapters_) {
    for (const LayerRef& ref : e.layers) merged.emplace_back(ref.layer, ref.layer->stored());
    for (OwnTensor own : e.own) {
      if (!own.field->defined()) continue;  // codes, which come back
      own.copy = own.field->detach();
      keep.push_back(own);
    }
  }
  unload();
  for (const OwnTensor& own : keep) show_copy(own);
  for (auto& [layer, weight] : merged) layer->store(std::move(weight));
}

void AdapterModel::unload() {
  set_enabled(true);
  unmerge();
  while (!adapters_.empty()) delete_adapter(std::string(adapters_.back().name));
}

}  // namespace papilio::boft
