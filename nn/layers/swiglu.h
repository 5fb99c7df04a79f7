// SwiGlu: the gated MLP of DINOv2's largest model.
#pragma once

#include <cstdint>
#include <string>

#include "nn/layers/linear.h"

namespace papilio::nn {

// weights_out(silu(a) * b), where a and b are the two halves of weights_in(x): DINOv2's MLP in its
// largest size (arXiv 2002.05202). x: (..., features).
struct SwiGlu : Module {
  Linear weights_in, weights_out;

  // `hidden` is that of the plain MLP in whose place this stands; it takes two thirds of it,
  // rounded up to a multiple of 8.
  SwiGlu(int64_t features, int64_t hidden);
  Tensor operator()(const Tensor& x);
  void visit(Visitor& v) override;
  std::string describe() const override { return "SwiGlu"; }
};

}  // namespace papilio::nn
