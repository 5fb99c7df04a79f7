#include "nn/layers/hidden_act.h"

#include <utility>
#include <vector>

#include "autograd/ops/activation.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/bias_gelu.h"
#include "autograd/ops/linear.h"
#include "tensor/error.h"
#include "tensor/text.h"

namespace papilio::nn {

namespace {

constexpr std::pair<std::string_view, HiddenAct> kNames[] = {
    {"gelu", HiddenAct::gelu},           {"gelu_python", HiddenAct::gelu},
    {"gelu_new", HiddenAct::gelu_tanh},  {"gelu_pytorch_tanh", HiddenAct::gelu_tanh},
    {"gelu_fast", HiddenAct::gelu_tanh}, {"quick_gelu", HiddenAct::quick_gelu},
    {"relu", HiddenAct::relu},           {"silu", HiddenAct::silu},
    {"swish", HiddenAct::silu},
};

}  // namespace

HiddenAct hidden_act(std::string_view name) {
  for (const auto& [known, act] : kNames) {
    if (name == known) return act;
  }
  throw ArgumentError(str("hidden_act: expected one of ", hidden_act_names(), ", got ", name));
}

std::string hidden_act_names() {
  std::vector<std::string_view> names;
  for (const auto& [known, act] : kNames) names.push_back(known);
  return joined(names, ", ");
}

Tensor activate(const Tensor& x, HiddenAct act) {
  switch (act) {
    case HiddenAct::gelu_tanh:
      return gelu(x, GeluApproximate::tanh);
    case HiddenAct::quick_gelu:
      return x * sigmoid(x * 1.702);
    case HiddenAct::relu:
      return relu(x);
    case HiddenAct::silu:
      return silu(x);
    case HiddenAct::gelu:
      break;
  }
  return gelu(x);
}

Tensor activate(Linear& layer, const Tensor& x, HiddenAct act) {
  if (act != HiddenAct::gelu && act != HiddenAct::gelu_tanh) return activate(layer(x), act);
  const auto approximate = act == HiddenAct::gelu ? GeluApproximate::none : GeluApproximate::tanh;
  if (layer.adapters.working().empty() && !layer.quantized)
    return linear_gelu(x, layer.weight, layer.bias, approximate);
  return bias_gelu(layer.product(x), layer.bias, approximate);
}

}  // namespace papilio::nn
