// Mlp: two linear layers with an activation between them.
#pragma once

#include <cstdint>
#include <string>

#include "nn/layers/dropout.h"
#include "nn/layers/hidden_act.h"
#include "nn/layers/linear.h"

namespace papilio::nn {

// fc2(act(fc1(x))), with dropout after each. x: (..., features).
struct Mlp : Module {
  Linear fc1, fc2;
  Dropout dropout;
  HiddenAct act;

  Mlp(int64_t features, int64_t hidden, double dropout = 0, HiddenAct act = HiddenAct::gelu);
  Tensor operator()(const Tensor& x);
  void visit(Visitor& v) override;
  std::string describe() const override { return "Mlp"; }
};

}  // namespace papilio::nn
