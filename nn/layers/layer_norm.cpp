#include "nn/layers/layer_norm.h"

#include <cstdint>
#include <string>

#include "autograd/ops/layer_norm.h"
#include "nn/init.h"

namespace papilio::nn {

LayerNorm::LayerNorm(int64_t features, double eps)
    : weight(constant_parameter({features}, 1)), bias(zero_parameter({features})), eps(eps) {}

Tensor LayerNorm::operator()(const Tensor& x) {
  return layer_norm(x, weight, bias, eps);
}

SumAndNorm LayerNorm::add_and_norm(const Tensor& x, const Tensor& residual) {
  return add_layer_norm(x, residual, weight, bias, eps);
}

void LayerNorm::visit(Visitor& v) {
  v("weight", weight);
  v("bias", bias);
}

std::string LayerNorm::describe() const {
  return str("LayerNorm(", weight.size(0), ")");
}

}  // namespace papilio::nn
