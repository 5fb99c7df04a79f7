// Activation functions by the names that configurations give them.
#pragma once

#include <string>
#include <string_view>

#include "nn/layers/linear.h"

namespace papilio::nn {

enum class HiddenAct { gelu, gelu_tanh, quick_gelu, relu, silu };

// Transformers' names of hidden_act: gelu and gelu_python (exact), gelu_new, gelu_pytorch_tanh and
// gelu_fast (by tanh), quick_gelu, relu, silu and swish. Throws ArgumentError that lists them.
HiddenAct hidden_act(std::string_view name);
// The same names, "gelu, gelu_python, ...".
std::string hidden_act_names();

// quick_gelu is x sigmoid(1.702 x); the others: autograd/ops/activation.h.
Tensor activate(const Tensor& x, HiddenAct act);
// The same of layer(x). A GELU adds the layer's bias itself: linear_gelu if no adapter works on
// the layer, bias_gelu otherwise; on a GPU, by tanh, the two round differently.
Tensor activate(Linear& layer, const Tensor& x, HiddenAct act);

}  // namespace papilio::nn
