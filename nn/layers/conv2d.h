#pragma once

#include "autograd/ops/conv2d.h"
#include "nn/adapter.h"

namespace papilio::nn {

// 2-d convolution. x: (B, in_channels, H, W), weight: (out_channels, in_channels / groups, kh, kw),
// bias: (out_channels). Adapters plug in through the weight.
struct Conv2d : AdaptableLayer {
  Tensor bias;  // undefined without
  Conv2dOptions options;

  Conv2d(int64_t in_channels, int64_t out_channels, std::array<int64_t, 2> kernel_size,
         Conv2dOptions options = {}, bool with_bias = true);
  Tensor operator()(const Tensor& x);
  void visit(Visitor& v) override;
  std::string describe() const override;
};

}  // namespace papilio::nn
