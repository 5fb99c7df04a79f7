// BOFT at one layer: the parameters and what they do to its weight.
#pragma once

#include <cstdint>
#include <string>

#include "boft/methods/config.h"
#include "nn/adapter.h"

namespace papilio::boft {

// What an adapter computes in at a layer of dtype `layer`: its own float32, or the layer's float64.
inline DType working_dtype(DType layer, DType own) {
  return layer == DType::float64 ? layer : own;
}

// W' = s * (W R_total^T), so that y = s * ((x R_total) W^T) + bias: BOFT's forward pass (arXiv
// 2311.06243, section 4) with a scale for each output (arXiv 2306.07280, section 3.5). W: (out, d).
struct BoftLayer : nn::Adapter {
  Tensor boft_R;   // (m, N, b, b) float32, zero at the start; only its skew-symmetric part acts
  Tensor boft_s;   // (out, 1), or (1, out) at a convolution as PEFT stores it
  double dropout;  // multiplicative, in training

  // `path` names the layer in errors. Throws ArgumentError where d does not divide; the message
  // names the nearest valid choices.
  BoftLayer(const std::string& path, const nn::AdaptableLayer& layer, const BoftConfig& config);

  // b, d / b and m: the sizes of boft_R.
  int64_t block_size() const { return boft_R.size(2); }
  int64_t block_num() const { return boft_R.size(1); }
  int64_t butterfly_factors() const { return boft_R.size(0); }

  // Q of every block, (m, N, b, b); with multiplicative dropout in training.
  Tensor rotations(bool training) const;
  Tensor weight(const Tensor& w, bool training) override;
  Tensor linear(const Tensor& x, const nn::AdaptedWeight& inside, const Tensor& bias) override;
  void visit(nn::Visitor& v) override;
  std::string describe() const override;
};

}  // namespace papilio::boft
