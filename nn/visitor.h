// One walk over a module's fields serves parameters, state dicts, moves, freezing, adapters and
// printing.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace papilio::nn {

struct Module;

// Handed to Module::visit, which calls it once for each field: v("fc1", fc1). Paths are joined with
// dots; an undefined tensor (a bias that was left out) and a null module are passed over.
class Visitor {
 public:
  enum class Kind { parameter, undecayed, buffer, kept };
  using OnTensor = std::function<void(const std::string& path, Tensor& field, Kind kind)>;
  using OnModule = std::function<void(const std::string& path, Module& module)>;

  Visitor(OnTensor on_tensor, OnModule on_module)
      : on_tensor_(std::move(on_tensor)), on_module_(std::move(on_module)) {}

  // One field: a parameter, a module, or several modules.
  void operator()(std::string_view name, Tensor& parameter);
  // A parameter that weight decay leaves alone whatever its dimensions: a scale, which begins at 1;
  // tokens and positions, biases of a kind.
  void undecayed(std::string_view name, Tensor& parameter);
  // A tensor that belongs to the state but is never trained.
  void buffer(std::string_view name, Tensor& field);
  // A tensor that moves with the module but belongs to no state: a weight from before a merge.
  void kept(std::string_view name, Tensor& field);
  void operator()(std::string_view name, Module& child);
  template <class M>
  void operator()(std::string_view name, std::unique_ptr<M>& child) {
    if (child) (*this)(name, *child);
  }
  // layer.0, layer.1, ...
  template <class M>
  void operator()(std::string_view name, std::vector<M>& children) {
    for (size_t i = 0; i < children.size(); ++i) {
      (*this)(std::string(name) + '.' + std::to_string(i), children[i]);
    }
  }

 private:
  std::string path_of(std::string_view name) const;

  OnTensor on_tensor_;
  OnModule on_module_;
  std::string path_;
};

}  // namespace papilio::nn
