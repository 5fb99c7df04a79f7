#include "nn/layers/mlp.h"

#include <cstdint>

namespace papilio::nn {

Mlp::Mlp(int64_t features, int64_t hidden, double dropout, HiddenAct act)
    : fc1(features, hidden), fc2(hidden, features), dropout(dropout), act(act) {}

Tensor Mlp::operator()(const Tensor& x) {
  return dropout(fc2(dropout(activate(fc1, x, act))));
}

void Mlp::visit(Visitor& v) {
  v("fc1", fc1);
  v("fc2", fc2);
  v("dropout", dropout);
}

}  // namespace papilio::nn
