// Module: a plain struct with value members, and what can be done with any of them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "nn/visitor.h"

namespace papilio::nn {

// How much of an input reaches a module: vectors, as a Linear takes them, or the pixels that a
// convolution makes.
struct Extent {
  double tokens = 0, pixels = 0;
};

// What layers and models are: its visit() names every field once, and all else follows from that.
struct Module {
  bool training = true;  // dropout and its like act only then; set it with train() and eval()

  Module() = default;
  Module(Module&&) = default;
  Module& operator=(Module&&) = default;
  virtual ~Module() = default;
  // Names every field once: v("weight", weight); v("attention", attention);
  virtual void visit(Visitor& v) = 0;
  // Why to(dtype) may not convert it; empty if it may.
  virtual std::string keeps_dtype() const { return ""; }
  // Parameters that are codes, not tensors of their own: they count, and never train.
  virtual int64_t coded_parameters() const { return 0; }
  // Multiply-adds of its own matrix products.
  virtual double multiply_adds(const Extent&) const { return 0; }
  // Short description for the summary table: "Linear(64 -> 128)".
  virtual std::string describe() const = 0;
};

// A parameter or buffer, and its path in the module.
struct NamedTensor {
  std::string name;
  Tensor* tensor;  // the module's own field
};

// Every parameter (buffers too, if asked), in the order of the fields.
std::vector<NamedTensor> named_parameters(Module& module, bool buffers = false);
// The same with each tensor once: fields that hold one tensor (tied weights) are one parameter, by
// the first one's name.
std::vector<NamedTensor> distinct_parameters(Module& module);
// The names of fields that hold one tensor, for each such tensor.
std::vector<std::vector<std::string>> tied_parameters(Module& module);
// The distinct ones that collect a gradient, as handles: what an optimiser takes.
std::vector<Tensor> trainable_parameters(Module& module);
// Calls f(path, module) for the module itself (path "") and everything inside, parents first.
void for_each_module(Module& module, const Visitor::OnModule& f);

// Sets `training` in the module and everything inside: train() for training, eval() for evaluation.
void train(Module& module, bool on = true);
inline void eval(Module& module) {
  train(module, false);
}
// Makes every parameter a leaf, or freezes it. Here and below tied weights stay tied.
void set_trainable(Module& module, bool on);
// Drops every accumulated gradient.
void zero_grad(Module& module);
// Converts floating parameters and buffers; throws ArgumentError if a module keeps its dtype (a
// layer with adapters does). Optimisers hold the old handles: make them afterwards.
void to(Module& module, DType dtype);
// Moves parameters and buffers, gradients not; throws ArgumentError if the device is not
// available. Optimisers hold the old handles: make them afterwards.
void to(Module& module, Device device);

// Where its first parameter is; the CPU without any.
Device device_of(Module& module);

// All parameters and buffers by name, detached, sharing the module's memory.
using StateDict = std::map<std::string, Tensor>;
StateDict state_dict(Module& module);

// What did not match.
struct LoadResult {
  std::vector<std::string> missing;     // in the module, not in the dict
  std::vector<std::string> unexpected;  // in the dict, not in the module
};
// Copies values in (converting the dtype). Nothing is written unless everything fits: a shape
// mismatch throws and shows both shapes; with `strict`, missing and unexpected names throw too.
LoadResult load_state_dict(Module& module, const StateDict& state, bool strict = true);

// Elements of all distinct parameters, and of those that train.
struct ParameterCount {
  int64_t trainable = 0, all = 0;
};
ParameterCount count_parameters(Module& module);
// "trainable params: 1,234 || all params: 5,678 || trainable%: 21.7330": PEFT's line.
std::string trainable_parameters_line(Module& module);
// A table: path, module, shapes of its own parameters, their number, how many train.
std::string summary(Module& module);

}  // namespace papilio::nn
