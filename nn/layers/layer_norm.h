// LayerNorm: normalised over the features.
#pragma once

#include <cstdint>
#include <string>

#include "autograd/ops/layer_norm.h"
#include "nn/module.h"

namespace papilio::nn {

// (x - mean) / sqrt(var + eps) * weight + bias over the last dimension, of `features` elements.
struct LayerNorm : Module {
  Tensor weight, bias;
  double eps;

  explicit LayerNorm(int64_t features, double eps = 1e-5);
  Tensor operator()(const Tensor& x);
  // x + residual (sum), and the norm of that (norm), in one pass.
  SumAndNorm add_and_norm(const Tensor& x, const Tensor& residual);
  void visit(Visitor& v) override;
  std::string describe() const override;
};

}  // namespace papilio::nn
