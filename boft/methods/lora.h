// LoRA at one layer: the low-rank baseline that rotations are compared with.
#pragma once

#include <string>

#include "boft/methods/config.h"
#include "nn/adapter.h"
#include "nn/layers/dropout.h"

namespace papilio::boft {

// Throws ArgumentError, which begins with the layer's path, for a convolution in groups or with
// dropout.
void check_lora(const std::string& path, const nn::AdaptableLayer& layer, const LoraConfig& config);

// y = x W^T + lora_alpha / r * (dropout(x) A^T) B^T (arXiv 2106.09685, equation 3). W: (out, d).
struct LoraLayer : nn::Adapter {
  Tensor lora_A;  // (r, d), Kaiming-uniform; at a convolution (r, in_channels, kh, kw)
  Tensor lora_B;  // (out, r), zero at the start; at a convolution (out, r, 1, 1)
  nn::Dropout dropout;
  double scaling;

  // For the layer at `path`. Throws ArgumentError for what it does not support there.
  LoraLayer(const std::string& path, const nn::AdaptableLayer& layer, const LoraConfig& config);

  Tensor weight(const Tensor& w, bool training) override;
  Tensor linear(const Tensor& x, const nn::AdaptedWeight& inside, const Tensor& bias) override;
  void visit(nn::Visitor& v) override;
  std::string describe() const override;
};

}  // namespace papilio::boft
