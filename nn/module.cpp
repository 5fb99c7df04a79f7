#include "nn/module.h"

#include <cstddef>
#include <cstdio>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "autograd/backward.h"
#include "nn/detail/quant_state.h"
#include "nn/detail/text_table.h"
#include "tensor/copy.h"

namespace papilio::nn {

std::string Visitor::path_of(std::string_view name) const {
  return path_.empty() ? std::string(name) : path_ + '.' + std::string(name);
}

void Visitor::operator()(std::string_view name, Tensor& parameter) {
  if (parameter.defined() && on_tensor_) on_tensor_(path_of(name), parameter, Kind::parameter);
}

void Visitor::undecayed(std::string_view name, Tensor& parameter) {
  if (parameter.defined() && on_tensor_) on_tensor_(path_of(name), parameter, Kind::undecayed);
}

void Visitor::buffer(std::string_view name, Tensor& field) {
  if (field.defined() && on_tensor_) on_tensor_(path_of(name), field, Kind::buffer);
}

void Visitor::kept(std::string_view name, Tensor& field) {
  if (field.defined() && on_tensor_) on_tensor_(path_of(name), field, Kind::kept);
}

void Visitor::operator()(std::string_view name, Module& child) {
  const std::string outside = path_;
  path_ = path_of(name);
  if (on_module_) on_module_(path_, child);
  child.visit(*this);
  path_ = outside;
}

std::vector<NamedTensor> named_parameters(Module& module, bool buffers) {
  std::vector<NamedTensor> result;
  Visitor v(
      [&](const std::string& path, Tensor& field, Visitor::Kind kind) {
        if (kind == Visitor::Kind::kept || (kind == Visitor::Kind::buffer && !buffers)) return;
        result.push_back({path, &field});
      },
      nullptr);
  module.visit(v);
  return result;
}

namespace {

// One value for each tensor: handles of the same memory and the same node are the same tensor.
template <class Value>
class ByTensor {
 public:
  Value& operator[](const Tensor& t) {
    auto& same_place = values_[{t.storage().get(), t.layout().offset, t.node().get()}];
    for (auto& [shape, value] : same_place)
      if (shape == t.shape()) return value;
    return same_place.emplace_back(t.shape(), Value()).second;
  }

 private:
  using Place = std::tuple<const Storage*, int64_t, const Node*>;
  std::map<Place, std::deque<std::pair<Dims, Value>>> values_;
};

// Puts f(tensor) into a field, and the same result into every other field with that tensor.
template <class F>
auto replacing(F&& f) {
  return [f, results = ByTensor<Tensor>()](Tensor& field) mutable {
    Tensor& result = results[field];
    if (!result.defined()) result = f(field);
    field = result;
  };
}

}  // namespace

std::vector<NamedTensor> distinct_parameters(Module& module) {
  std::vector<NamedTensor> all = named_parameters(module);
  ByTensor<bool> known;
  std::erase_if(all, [&](const NamedTensor& p) { return std::exchange(known[*p.tensor], true); });
  return all;
}

std::vector<std::vector<std::string>> tied_parameters(Module& module) {
  std::vector<std::vector<std::string>> groups;
  ByTensor<std::optional<size_t>> group;
  for (const auto& [name, tensor] : named_parameters(module)) {
    std::optional<size_t>& i = group[*tensor];
    if (!i) {
      i = groups.size();
      groups.emplace_back();
    }
    groups[*i].push_back(name);
  }
  std::erase_if(groups, [](const auto& names) { return names.size() == 1; });
  return groups;
}

std::vector<Tensor> trainable_parameters(Module& module) {
  std::vector<Tensor> result;
  for (const auto& [name, tensor] : distinct_parameters(module)) {
    if (tensor->requires_grad()) result.push_back(*tensor);
  }
  return result;
}

void for_each_module(Module& module, const Visitor::OnModule& f) {
  f("", module);
  Visitor v(nullptr, f);
  module.visit(v);
}

void train(Module& module, bool on) {
  for_each_module(module, [on](const std::string&, Module& m) { m.training = on; });
}

void set_trainable(Module& module, bool on) {
  auto set = replacing([on](Tensor tensor) { return set_requires_grad(tensor, on); });
  for (const auto& [name, tensor] : named_parameters(module)) set(*tensor);
}

void zero_grad(Module& module) {
  for (const Tensor& p : trainable_parameters(module)) papilio::zero_grad(p);
}

void to(Module& module, DType dtype) {
  check(is_floating(dtype), "to: expected a floating dtype, got ", dtype);
  for_each_module(module, [](const std::string& path, Module& m) {
    const std::string reason = m.keeps_dtype();
    check(reason.empty(), "to: ", path, ' ', reason);
  });
  auto convert = replacing([dtype](const Tensor& tensor) {
    Tensor copy = copy_of(tensor, dtype);
    return set_requires_grad(copy, tensor.requires_grad());
  });
  for (const auto& [name, tensor] : named_parameters(module, true)) {
    if (is_floating(tensor->dtype()) && tensor->dtype() != dtype) convert(*tensor);
  }
}

void to(Module& module, Device device) {
  check_available("to", device);
  auto move = replacing([device](const Tensor& tensor) {
    Tensor copy = copy_of(tensor, device);
    return set_requires_grad(copy, tensor.requires_grad());
  });
  Visitor v(
      [&](const std::string&, Tensor& tensor, Visitor::Kind) {
        if (tensor.device() != device) move(tensor);
      },
      nullptr);
  module.visit(v);
}

Device device_of(Module& module) {
  const std::vector<NamedTensor> parameters = named_parameters(module);
  return parameters.empty() ? Device::cpu() : parameters[0].tensor->device();
}

StateDict state_dict(Module& module) {
  StateDict result;
  for (const auto& [name, tensor] : named_parameters(module, true)) result[name] = tensor->detach();
  return result;
}

LoadResult load_state_dict(Module& module, const StateDict& state, bool strict) {
  LoadResult result;
  std::vector<std::pair<Tensor, Tensor>> copies;
  std::set<std::string> known;
  // Only a layer's own members can be of another form.
  for (const auto& [name, tensor] : named_codes(module)) {
    const auto found = is_state_name(name) ? state.find(name) : state.end();
    check(found == state.end() || found->second.to_vector<double>() == tensor->to_vector<double>(),
          "load_state_dict: ", name,
          " says that the codes are of another form (blocks, offset, dtype) than the model's");
  }
  for (const auto& [name, tensor] : named_parameters(module, true)) {
    known.insert(name);
    const auto found = state.find(name);
    if (found == state.end()) {
      result.missing.push_back(name);
      continue;
    }
    check(found->second.shape() == tensor->shape(), "load_state_dict: ", name, " has shape ",
          tensor->shape(), " in the model and ", found->second.shape(), " in the state dict");
    copies.emplace_back(*tensor, found->second);
  }
  for (const auto& [name, tensor] : state) {
    if (!known.contains(name)) result.unexpected.push_back(name);
  }
  if (strict) {
    check(result.missing.empty(), "load_state_dict: missing ", listed(result.missing));
    check(result.unexpected.empty(), "load_state_dict: unexpected ", listed(result.unexpected));
  }
  for (const auto& [to, from] : copies) copy_(to, from);
  return result;
}

ParameterCount count_parameters(Module& module) {
  ParameterCount count;
  for (const auto& [name, tensor] : distinct_parameters(module)) {
    count.all += tensor->numel();
    if (tensor->requires_grad()) count.trainable += tensor->numel();
  }
  for_each_module(module,
                  [&](const std::string&, Module& m) { count.all += m.coded_parameters(); });
  return count;
}

std::string trainable_parameters_line(Module& module) {
  const auto [trainable, all] = count_parameters(module);
  char percent[32];
  std::snprintf(percent, sizeof percent, "%.4f",
                all > 0 ? 100.0 * double(trainable) / double(all) : 0.0);
  return "trainable params: " + with_commas(trainable) + " || all params: " + with_commas(all) +
         " || trainable%: " + percent;
}

}  // namespace papilio::nn
