// ConvStem: convolutions that make tokens of an image, for compact transformers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/layers/conv2d.h"

namespace papilio::nn {

// The tokenizer of the compact convolutional transformer (CCT, arXiv 2104.05704): 3x3 convolutions
// without bias, each followed by ReLU and 3x3 max pooling of stride 2; 64 channels between them.
// (B, channels, H, W) -> (B, H / 2^n * W / 2^n, features) for n layers; H and W must be multiples
// of 2^n.
struct ConvStem : Module {
  std::vector<Conv2d> layer;

  ConvStem(int64_t channels, int64_t layers, int64_t features);
  Tensor operator()(const Tensor& images);
  // Floating-point operations of one square image.
  double operations(int64_t image_size) const;
  // N(0, 2 / fan_in), which suits ReLU (arXiv 1502.01852).
  void reset();
  void visit(Visitor& v) override { v("layer", layer); }
  std::string describe() const override { return str("ConvStem(", layer.size(), ")"); }
};

}  // namespace papilio::nn
