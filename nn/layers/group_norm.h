// GroupNorm: normalised over groups of channels.
#pragma once

#include <cstdint>
#include <string>

#include "nn/module.h"

namespace papilio::nn {

// Each group of channels, and all that follows them, normalised: (x - mean) / sqrt(var + eps) *
// weight + bias. x: (B, channels, ...).
struct GroupNorm : Module {
  Tensor weight, bias;
  int64_t groups;
  double eps;

  // Throws ArgumentError unless the groups divide the channels.
  GroupNorm(int64_t groups, int64_t channels, double eps = 1e-5);
  Tensor operator()(const Tensor& x);
  Tensor then_silu(const Tensor& x);  // silu of the norm, in one pass
  void visit(Visitor& v) override;
  std::string describe() const override;
};

}  // namespace papilio::nn
