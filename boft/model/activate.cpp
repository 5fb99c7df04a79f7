#include "boft/model/detail/activate.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>

#include "autograd/backward.h"
#include "tensor/copy.h"

namespace papilio::boft {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

void activate(std::vector<Attached>& adapters, const std::vector<std::string>& names) {
  for (Attached& a : adapters) {
    const bool on = contains(names, a.name);
    for (const LayerRef& ref : a.layers) {
      ref.layer->adapters.activate(names);
      nn::set_trainable(*ref.adapter, on);
    }
    for (OwnTensor& own : a.own) set_requires_grad(own.copy, on);
  }
}

void check_activation(const std::vector<std::string>& names,
                      const std::vector<const Attached*>& active) {
  std::map<std::string, std::string> owner;
  for (size_t i = 0; i < names.size(); ++i) {
    check(std::ranges::find(names, names[i]) - names.begin() == int64_t(i),
          "set_adapter: ", names[i], " appears twice");
    for (const OwnTensor& own : active[i]->own) {
      const auto [other, first] = owner.emplace(own.path, names[i]);
      check(first, "set_adapter: adapters ", other->second, " and ", names[i],
            " both have their own ", own.path, "; only one of them can be active");
    }
  }
}

void show_copy(const OwnTensor& own) {
  if (own.coded != nullptr)
    own.coded->store({own.copy, {}});
  else
    *own.field = own.copy;
}

void show_original(const OwnTensor& own) {
  if (own.coded != nullptr)
    own.coded->store({{}, own.codes});
  else
    *own.field = own.original;
}

namespace {

bool is_shown(const OwnTensor& own) {
  const auto& shown = own.field->storage();
  if (own.coded == nullptr || !own.coded->quantized)
    return shown == own.copy.storage() || (own.original && shown == own.original.storage());
  return own.coded->quantized.codes.storage() == own.codes.codes.storage();
}

}  // namespace

void show_own_tensors(const std::vector<Attached>& adapters,
                      const std::vector<std::string>& active) {
  check_own_tensors("AdapterModel", adapters);
  for (const Attached& a : adapters) {
    for (const OwnTensor& own : a.own) show_original(own);
  }
  for (const Attached& a : adapters) {
    if (!contains(active, a.name)) continue;
    for (const OwnTensor& own : a.own) show_copy(own);
  }
}

void check_own_tensors(const char* operation, const std::vector<Attached>& adapters) {
  const auto shows = [&](const Tensor* field) {
    for (const Attached& a : adapters) {
      for (const OwnTensor& own : a.own) {
        if (own.field == field && is_shown(own)) return true;
      }
    }
    return false;
  };
  for (const Attached& a : adapters) {
    for (const OwnTensor& own : a.own) {
      check(shows(own.field), operation, ": ", own.path,
            " was replaced while adapters have their own; move the model with AdapterModel::to");
    }
  }
}

void move_own_tensors(std::vector<Attached>& adapters, Device device) {
  for (Attached& a : adapters) {
    for (OwnTensor& own : a.own) {
      own.original = *own.field;
      if (own.coded != nullptr) own.codes = own.coded->quantized;
      if (own.copy.device() == device) continue;
      const bool trainable = own.copy.requires_grad();
      own.copy = copy_of(own.copy, device);
      set_requires_grad(own.copy, trainable);
    }
  }
}

}  // namespace papilio::boft
