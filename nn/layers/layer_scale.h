// LayerScale: a factor for each channel of a residual branch.
#pragma once

#include <cstdint>
#include <string>

#include "nn/module.h"

namespace papilio::nn {

// x * lambda1, a learned factor for each channel (arXiv 2103.17239). x: (..., features).
struct LayerScale : Module {
  Tensor lambda1;    // (features), all `start` at first
  const char* name;  // what checkpoints call it: timm says gamma

  LayerScale(int64_t features, double start, const char* name = "lambda1");
  Tensor operator()(const Tensor& x);
  void visit(Visitor& v) override { v(name, lambda1); }
  std::string describe() const override { return str("LayerScale(", lambda1.size(0), ")"); }
};

}  // namespace papilio::nn
