#include "nn/adapter.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "autograd/anomaly.h"
#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops/linear.h"
#include "autograd/ops/shape.h"
#include "tensor/copy.h"

namespace papilio::nn {

Tensor AdaptedWeight::linear(const Tensor& x, const Tensor& bias) const {
  if (adapters_.empty()) return papilio::linear(x, weight_, bias);
  return adapters_.back()->linear(x, {weight_, adapters_.first(adapters_.size() - 1)}, bias);
}

Tensor AdaptedWeight::convolve(const Convolution& conv, const Tensor& x, const Tensor& bias) const {
  if (adapters_.empty()) return conv(x, weight_, bias);
  return adapters_.back()->convolve(conv, x, {weight_, adapters_.first(adapters_.size() - 1)},
                                    bias);
}

Tensor AdaptedWeight::weight(bool training) const {
  Tensor w = weight_;
  for (Adapter* adapter : adapters_) w = adapter->weight(w, training);
  return w;
}

Tensor Adapter::linear(const Tensor& x, const AdaptedWeight& inside, const Tensor& bias) {
  const auto product = [](const Tensor& x_, const Tensor& w, const Tensor& bias_) {
    return papilio::linear(x_, w, bias_);
  };
  return Adapter::convolve(product, x, inside, bias);
}

// What lies inside may be a sum, of W and of what LoRA adds for inputs that it drops: each part is
// adapted.
Tensor Adapter::convolve(const Convolution& conv, const Tensor& x, const AdaptedWeight& inside,
                         const Tensor& bias) {
  const auto adapted = [&](const Tensor& x_, const Tensor& w, const Tensor& bias_) {
    return conv(x_, weight(w, training), bias_);
  };
  return inside.convolve(adapted, x, bias);
}

Adapter* AdapterSocket::find(const std::string& name) const {
  for (const Slot& slot : slots_) {
    if (slot.name == name) return slot.adapter.get();
  }
  return nullptr;
}

std::vector<std::string> AdapterSocket::names() const {
  std::vector<std::string> result;
  for (const Slot& slot : slots_) result.push_back(slot.name);
  return result;
}

void AdapterSocket::add(const std::string& name, std::unique_ptr<Adapter> adapter) {
  check(find(name) == nullptr, "add_adapter: an adapter named ", name, " exists already");
  slots_.push_back({name, std::move(adapter)});
}

void AdapterSocket::remove(const std::string& name) {
  check(find(name) != nullptr, "delete_adapter: there is no adapter named ", name);
  check(std::ranges::find(merged_, name) == merged_.end(), "delete_adapter: ", name,
        " is merged; unmerge it first");
  std::erase(active_, name);
  std::erase_if(slots_, [&](const Slot& slot) { return slot.name == name; });
}

void AdapterSocket::activate(const std::vector<std::string>& names) {
  active_.clear();
  std::ranges::copy_if(names, std::back_inserter(active_),
                       [this](const std::string& name) { return find(name) != nullptr; });
}

std::vector<Adapter*> AdapterSocket::working() const {
  std::vector<Adapter*> result;
  if (!enabled_) return result;
  for (const std::string& name : active_) {
    if (std::ranges::find(merged_, name) == merged_.end()) result.push_back(find(name));
  }
  return result;
}

Tensor AdapterSocket::merged_weight(const Tensor& matrix, const std::vector<std::string>& names,
                                    bool safe) const {
  const NoGrad no_grad;
  Tensor w = matrix.detach();
  for (const std::string& name : names) {
    Adapter* adapter = find(name);
    if (adapter == nullptr || std::ranges::find(merged_, name) != merged_.end()) continue;
    w = adapter->weight(w, false);
    check<Error>(!safe || all_finite(w), "NaNs detected in the merged weights. The adapter ", name,
                 " seems to be broken");
  }
  return w;
}

void AdapterSocket::set_merged(Tensor& weight, Tensor result,
                               const std::vector<std::string>& names) {
  if (merged_.empty()) kept_ = weight;
  weight = std::move(result);
  for (const std::string& name : names) {
    if (find(name) != nullptr && std::ranges::find(merged_, name) == merged_.end()) {
      merged_.push_back(name);
    }
  }
}

namespace {

// The weight that was kept, on the device to which the layer may have moved since.
Tensor beside(const Tensor& weight, const Tensor& kept) {
  if (kept.device() == weight.device()) return kept;
  Tensor moved = copy_of(kept, weight.device());
  set_requires_grad(moved, kept.requires_grad());
  return moved;
}

}  // namespace

void AdapterSocket::unmerge(Tensor& weight) {
  if (merged_.empty()) return;
  if (enabled_) weight = beside(weight, kept_);
  kept_ = {};
  merged_.clear();
}

void AdapterSocket::enable(Tensor& weight, bool on) {
  if (on != enabled_ && !merged_.empty()) {
    kept_ = beside(weight, kept_);
    std::swap(weight, kept_);
  }
  enabled_ = on;
}

void AdapterSocket::visit(Visitor& v) {
  for (Slot& slot : slots_) v("adapters." + slot.name, *slot.adapter);
  v.kept("adapters.kept", kept_);
}

std::string AdaptableLayer::keeps_dtype() const {
  if (adapters.empty()) return "";
  return "carries adapters, which keep float32; convert the model before attaching them";
}

Tensor AdaptableLayer::to_matrix(const Tensor& w) const {
  return flatten(w, 1);
}

Tensor AdaptableLayer::from_matrix(const Tensor& w) const {
  return reshape(w, weight.shape());
}

Tensor AdaptableLayer::merged_weight(const std::vector<std::string>& names, bool safe) const {
  return from_matrix(adapters.merged_weight(to_matrix(weight.detach()), names, safe));
}

}  // namespace papilio::nn
