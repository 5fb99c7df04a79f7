#include "nn/layers/swiglu.h"

#include <cstdint>

#include "autograd/ops/activation.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/shape.h"

namespace papilio::nn {

namespace {

int64_t inner(int64_t hidden) {
  return (hidden * 2 / 3 + 7) / 8 * 8;
}

}  // namespace

SwiGlu::SwiGlu(int64_t features, int64_t hidden)
    : weights_in(features, 2 * inner(hidden)), weights_out(inner(hidden), features) {}

Tensor SwiGlu::operator()(const Tensor& x) {
  const Tensor both = weights_in(x);
  const int64_t half = both.size(-1) / 2;
  return weights_out(silu(slice(both, -1, 0, half)) * slice(both, -1, half));
}

void SwiGlu::visit(Visitor& v) {
  v("weights_in", weights_in);
  v("weights_out", weights_out);
}

}  // namespace papilio::nn
