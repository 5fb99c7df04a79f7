// Dropout of elements, and of whole branches (stochastic depth).
#pragma once

#include <string>

#include "nn/module.h"

namespace papilio::nn {

// In training: elements become 0 with probability p, the others are divided by 1 - p. Otherwise the
// identity.
struct Dropout : Module {
  double p;

  explicit Dropout(double p = 0.5);
  Tensor operator()(const Tensor& x);
  void visit(Visitor&) override {}
  std::string describe() const override { return str("Dropout(", p, ")"); }
};

// Stochastic depth (arXiv 1603.09382): in training whole samples of a residual branch become 0 with
// probability p, the others are divided by 1 - p. x: (B, ...).
struct DropPath : Module {
  double p;

  explicit DropPath(double p = 0);
  Tensor operator()(const Tensor& x);
  void visit(Visitor&) override {}
  std::string describe() const override { return str("DropPath(", p, ")"); }
};

// The rate of every DropPath in a model: the last one's is `p`, and it grows linearly from 0 at the
// first, as timm's drop_path_rate does. Throws ArgumentError for p outside [0, 1).
void set_drop_path(Module& model, double p);

}  // namespace papilio::nn
