// Conv2d: a 2-d convolution with a weight, a bias and a kind of padding.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "autograd/ops/conv2d.h"
#include "nn/adapter.h"

namespace papilio::nn {

// What lies around the image: zeros, the image mirrored at its outermost pixels, these repeated, or
// the image's other end.
enum class PaddingMode { zeros, reflect, replicate, circular };

// 2-d convolution. x: (B, in_channels, H, W), weight: (out_channels, in_channels / groups, kh, kw),
// bias: (out_channels). Adapters plug in through the weight. Throws if a mirrored or circular
// padding is wider than the image allows.
struct Conv2d : AdaptableLayer {
  Tensor bias;  // undefined without
  Conv2dOptions options;
  PaddingMode padding_mode;

  // Options by reference: g++ 12.2 -O3 with AVX-512 passes a copy of the defaults with padding 1.
  Conv2d(int64_t in_channels, int64_t out_channels, std::array<int64_t, 2> kernel_size,
         const Conv2dOptions& options = {}, bool with_bias = true,
         PaddingMode padding_mode = PaddingMode::zeros);
  Tensor operator()(const Tensor& x);
  Kind kind() const override { return Kind::convolution; }
  void visit(Visitor& v) override;
  double multiply_adds(const Extent& extent) const override {
    return double(weight.numel()) * extent.pixels;
  }
  std::string describe() const override;

 private:
  // The convolution by another weight and bias, in this padding mode.
  Tensor convolve(const Tensor& x, const Tensor& w, const Tensor& b) const;
};

}  // namespace papilio::nn
