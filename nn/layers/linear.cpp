#include "nn/layers/linear.h"

#include <cstdint>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops/linear.h"
#include "nn/init.h"
#include "tensor/creation.h"

namespace papilio::nn {

Linear::Linear(int64_t in_features, int64_t out_features, bool with_bias) {
  weight = empty({out_features, in_features});
  kaiming_uniform_(weight);
  set_requires_grad(weight);
  if (with_bias) bias = zero_parameter({out_features});
}

namespace {

Tensor apply(const Linear& layer, const Tensor& x, const Tensor& bias) {
  if (layer.adapters.empty() && !layer.quantized) return linear(x, layer.weight, bias);
  const std::vector<Adapter*> working = layer.adapters.working();
  if (layer.quantized) return AdaptedWeight(layer.quantized, working).linear(x, bias);
  return AdaptedWeight(layer.weight, working).linear(x, bias);
}

}  // namespace

Tensor Linear::operator()(const Tensor& x) {
  return apply(*this, x, bias);
}

Tensor Linear::product(const Tensor& x) {
  return apply(*this, x, {});
}

void Linear::visit(Visitor& v) {
  visit_weight(v);
  v("bias", bias);
  adapters.visit(v);
}

std::string Linear::describe() const {
  return str("Linear(", in_features(), " -> ", out_features(), bias ? "" : ", no bias",
             quantized ? str(", ", name_of(quantized.kind)) : "", ")");
}

}  // namespace papilio::nn
