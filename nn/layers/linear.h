// Linear: a matrix and a bias.
#pragma once

#include <cstdint>
#include <string>

#include "nn/adapter.h"

namespace papilio::nn {

// y = x W^T + b. x: (..., in_features), W: (out_features, in_features), b: (out_features). Adapters
// plug in.
struct Linear : AdaptableLayer {
  Tensor bias;  // undefined without

  Linear(int64_t in_features, int64_t out_features, bool with_bias = true);
  // Sizes of the weight.
  int64_t in_features() const { return adapted_inputs(); }
  int64_t out_features() const { return adapted_outputs(); }
  Tensor operator()(const Tensor& x);
  Tensor product(const Tensor& x);  // without the bias, for what adds it later
  Kind kind() const override { return Kind::linear; }
  void visit(Visitor& v) override;
  double multiply_adds(const Extent& extent) const override {
    return double(in_features()) * double(out_features()) * extent.tokens;
  }
  std::string describe() const override;
};

}  // namespace papilio::nn
