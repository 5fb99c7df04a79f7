// Geglu: a gated MLP, and the feed-forward layer that Diffusers makes of it.
#pragma once

#include <cstdint>
#include <string>

#include "nn/layers/dropout.h"
#include "nn/layers/linear.h"

namespace papilio::nn {

// a gelu(b), a and b the halves of a projection (Shazeer, arXiv 2002.05202). x: (..., features) ->
// (..., hidden).
struct Geglu : Module {
  Linear proj;

  Geglu(int64_t features, int64_t hidden);
  Tensor operator()(const Tensor& x);
  void visit(Visitor& v) override;
  std::string describe() const override { return "Geglu"; }
};

// Diffusers' FeedForward with GEGLU: net.2(dropout(net.0(x))), 4 features wide inside.
struct GegluFeedForward : Module {
  Geglu geglu;
  Dropout dropout;
  Linear output;

  explicit GegluFeedForward(int64_t features, double dropout = 0);
  Tensor operator()(const Tensor& x);
  void visit(Visitor& v) override;
  std::string describe() const override { return "GegluFeedForward"; }
};

}  // namespace papilio::nn
