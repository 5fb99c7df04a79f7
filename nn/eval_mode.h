// A scope in which a module evaluates, whatever mode it was in.
#pragma once

#include "nn/module.h"

namespace papilio::nn {

// The module evaluates in this scope; then all of it is in the mode that the module had.
class EvalMode {
 public:
  explicit EvalMode(Module& module) : module_(module), training_(module.training) { eval(module); }
  ~EvalMode() { train(module_, training_); }
  EvalMode(const EvalMode&) = delete;
  EvalMode& operator=(const EvalMode&) = delete;

 private:
  Module& module_;
  bool training_;
};

}  // namespace papilio::nn
