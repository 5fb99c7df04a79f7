// Conv1D: GPT-2's linear layer.
#pragma once

#include <cstdint>
#include <string>

#include "nn/adapter.h"

namespace papilio::nn {

// GPT-2's linear layer, whose weight lies transposed (PEFT's fan_in_fan_out): y = x W + b. x: (...,
// in_features), weight: (in_features, out_features) ~ N(0, 0.02), b: (out_features). The name and
// the argument order are Transformers'. Adapters plug in.
struct Conv1D : AdaptableLayer {
  Tensor bias;

  Conv1D(int64_t out_features, int64_t in_features);
  // Sizes of the weight.
  int64_t in_features() const { return adapted_inputs(); }
  int64_t out_features() const { return adapted_outputs(); }
  Tensor operator()(const Tensor& x);
  Kind kind() const override { return Kind::linear; }
  bool is_stored_in_out() const override { return true; }
  Tensor to_matrix(const Tensor& w) const override;
  Tensor from_matrix(const Tensor& w) const override;
  void visit(Visitor& v) override;
  double multiply_adds(const Extent& extent) const override {
    return double(in_features()) * double(out_features()) * extent.tokens;
  }
  std::string describe() const override;
};

}  // namespace papilio::nn
