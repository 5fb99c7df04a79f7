#include "nn/layers/geglu.h"

#include <cstdint>

#include "autograd/ops/activation.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/shape.h"

namespace papilio::nn {

Geglu::Geglu(int64_t features, int64_t hidden) : proj(features, 2 * hidden) {}

Tensor Geglu::operator()(const Tensor& x) {
  const Tensor both = proj(x);
  const int64_t half = both.size(-1) / 2;
  return slice(both, -1, 0, half) * gelu(slice(both, -1, half));
}

void Geglu::visit(Visitor& v) {
  v("proj", proj);
}

GegluFeedForward::GegluFeedForward(int64_t features, double dropout)
    : geglu(features, 4 * features), dropout(dropout), output(4 * features, features) {}

Tensor GegluFeedForward::operator()(const Tensor& x) {
  return output(dropout(geglu(x)));
}

void GegluFeedForward::visit(Visitor& v) {
  v("net.0", geglu);
  v("net.1", dropout);
  v("net.2", output);
}

}  // namespace papilio::nn
