#include "nn/adapter.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "autograd/anomaly.h"
#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/linear.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape.h"
#include "nn/detail/quant_state.h"
#include "tensor/copy.h"

namespace papilio::nn {

AdaptedWeight AdaptedWeight::inner() const {
  AdaptedWeight inner = *this;
  inner.adapters_ = adapters_.first(adapters_.size() - 1);
  return inner;
}

Tensor AdaptedWeight::linear(const Tensor& x, const Tensor& bias) const {
  if (!adapters_.empty()) return adapters_.back()->linear(x, inner(), bias);
  return quantized_ != nullptr ? quantized_linear(x, *quantized_, bias)
                               : papilio::linear(x, weight_, bias);
}

Tensor AdaptedWeight::convolve(const Convolution& conv, const Tensor& x, const Tensor& bias) const {
  if (adapters_.empty()) return conv(x, weight_, bias);
  return adapters_.back()->convolve(conv, x, inner(), bias);
}

Tensor AdaptedWeight::weight(bool training) const {
  Tensor w = quantized_ != nullptr ? dequantize(*quantized_) : weight_;
  for (Adapter* adapter : adapters_) w = adapter->weight(w, training);
  return w;
}

Tensor Adapter::linear(const Tensor& x, const AdaptedWeight& inside, const Tensor& bias) {
  const auto product = [](const Tensor& rows, const Tensor& w, const Tensor& b) {
    return papilio::linear(rows, w, b);
  };
  return Adapter::convolve(product, x, inside, bias);
}

// What lies inside may be a sum, of W and of what LoRA adds for inputs that it drops: each part is
// adapted.
Tensor Adapter::convolve(const Convolution& conv, const Tensor& x, const AdaptedWeight& inside,
                         const Tensor& bias) {
  const auto adapted = [&](const Tensor& input, const Tensor& w, const Tensor& b) {
    return conv(input, weight(w, training), b);
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

void AdapterSocket::visit(Visitor& v) {
  for (Slot& slot : slots_) v("adapters." + slot.name, *slot.adapter);
  v.kept("adapters.kept", kept_.numbers);
}

std::string AdaptableLayer::keeps_dtype() const {
  if (quantized) return str("is quantised (", name_of(quantized.kind), "), and keeps what it has");
  if (adapters.empty()) return "";
  return "carries adapters, which keep float32; convert the model before attaching them";
}

Tensor AdaptableLayer::to_matrix(const Tensor& w) const {
  return flatten(w, 1);
}

Tensor AdaptableLayer::from_matrix(const Tensor& w) const {
  return weight ? reshape(w, weight.shape()) : w;  // codes are of layers with a matrix
}

Tensor AdaptableLayer::matrix() const {
  return quantized ? dequantize(quantized) : to_matrix(weight.detach());
}

Tensor AdaptableLayer::merged_weight(const std::vector<std::string>& names, bool safe) const {
  const Tensor w = adapters.merged_weight(matrix(), names, safe);
  return quantized ? w : from_matrix(w);
}

MergedWeight AdaptableLayer::merged(const std::vector<std::string>& names, bool safe) const {
  Tensor w = merged_weight(names, safe);
  if (!quantized) return {{std::move(w), {}}};
  const NoGrad no_grad;
  QuantizedMatrix codes = quantize_like(w, quantized);
  const Tensor difference = dequantize(codes) - w;
  const double norm = std::sqrt(sum(w * w).item());
  return {{{}, std::move(codes)},
          norm > 0 ? std::sqrt(sum(difference * difference).item()) / norm : 0};
}

void AdaptableLayer::store(StoredWeight stored) {
  weight = std::move(stored.numbers);
  quantized = std::move(stored.codes);
  state_ = {};
}

void AdaptableLayer::set_merged(StoredWeight result, const std::vector<std::string>& names) {
  std::vector<std::string>& merged = adapters.merged_;
  if (merged.empty()) adapters.kept_ = stored();
  store(std::move(result));
  for (const std::string& name : names) {
    if (adapters.find(name) != nullptr && std::ranges::find(merged, name) == merged.end())
      merged.push_back(name);
  }
}

namespace {

// The weight that was kept, on the device to which the layer may have moved since.
StoredWeight on(Device device, const StoredWeight& kept) {
  if (kept.codes) return {{}, kept.codes.to(device)};
  if (kept.numbers.device() == device) return kept;
  Tensor moved = copy_of(kept.numbers, device);
  set_requires_grad(moved, kept.numbers.requires_grad());
  return {moved, {}};
}

}  // namespace

void AdaptableLayer::unmerge() {
  if (adapters.merged_.empty()) return;
  if (adapters.enabled_) store(on(weight_device(), adapters.kept_));
  adapters.kept_ = {};
  adapters.merged_.clear();
}

void AdaptableLayer::enable_adapters(bool enable) {
  if (enable != adapters.enabled_ && !adapters.merged_.empty()) {
    StoredWeight other = on(weight_device(), adapters.kept_);
    adapters.kept_ = stored();
    store(std::move(other));
  }
  adapters.enabled_ = enable;
}

void AdaptableLayer::set_quantized(QuantizedMatrix matrix) {
  check(matrix.out == adapted_outputs() && matrix.in == adapted_inputs(),
        "set_quantized: expected a matrix of shape ", Dims{adapted_outputs(), adapted_inputs()},
        ", got ", Dims{matrix.out, matrix.in});
  store({{}, std::move(matrix)});
}

void AdaptableLayer::dequantize_weight() {
  check(adapters.merged().empty(), "dequantize_weight: adapters are merged; unmerge them first");
  if (!quantized) return;
  store({dequantize(quantized), {}});
  weight = contiguous(from_matrix(weight));
}

void AdaptableLayer::visit_weight(Visitor& v) {
  if (!quantized) return v("weight", weight);
  QuantizedMatrix& q = quantized;
  v.buffer("weight", q.codes);
  if (!state_) state_ = state_of(q);
  if (q.kind == Quantization::int8) {
    v.buffer("SCB", q.scale);
    v.buffer("weight_format", state_);
    return;
  }
  v.buffer("weight.absmax", q.absmax);
  v.buffer("weight.quant_map", q.table);
  v.buffer("weight.nested_absmax", q.nested_absmax);
  v.buffer("weight.nested_quant_map", q.nested_table);
  v.buffer(quant_state_name(q.kind), state_);
}

AdaptableLayer* linear_layer(Module& module) {
  auto* const layer = dynamic_cast<AdaptableLayer*>(&module);
  return layer != nullptr && layer->kind() == AdaptableLayer::Kind::linear ? layer : nullptr;
}

}  // namespace papilio::nn
