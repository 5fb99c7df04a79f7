#include "boft/methods/lora.h"

#include <string>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "boft/methods/boft.h"
#include "nn/init.h"
#include "nn/layers/conv2d.h"
#include "tensor/creation.h"
#include "tensor/random.h"

namespace papilio::boft {

void check_lora(const std::string& path, const nn::AdaptableLayer& layer,
                const LoraConfig& config) {
  config.validate();
  const auto* conv = dynamic_cast<const nn::Conv2d*>(&layer);
  if (conv == nullptr) return;
  check(conv->options.groups == 1, path, ": LoRA adapts no convolution in groups (this one has ",
        conv->options.groups, "); BOFT and OFT do");
  check(config.lora_dropout == 0, path,
        ": LoRA adapts a convolution through its weight, without lora_dropout; got ",
        config.lora_dropout);
}

LoraLayer::LoraLayer(const std::string& path, const nn::AdaptableLayer& layer,
                     const LoraConfig& config)
    : dropout(config.lora_dropout), scaling(config.lora_alpha / double(config.r)) {
  check_lora(path, layer, config);
  Dims a{config.r, layer.adapted_inputs()}, b{layer.adapted_outputs(), config.r};
  if (dynamic_cast<const nn::Conv2d*>(&layer) != nullptr) {
    a = layer.weight.shape();
    a[0] = config.r;
    b = {layer.adapted_outputs(), config.r, 1, 1};
  }
  lora_A = empty(a);
  nn::kaiming_uniform_(lora_A);
  set_requires_grad(lora_A);
  lora_B = leaf(config.init_lora_weights ? zeros(b) : normal(b, 0, 0.1));
}

Tensor LoraLayer::weight(const Tensor& w, bool) {
  const Tensor delta = matmul(flatten(lora_B, 1), flatten(lora_A, 1)) * scaling;
  const DType dtype = working_dtype(w.dtype(), delta.dtype());
  return cast(cast(w, dtype) + cast(delta, dtype), w.dtype());
}

Tensor LoraLayer::linear(const Tensor& x, const nn::AdaptedWeight& inside, const Tensor& bias) {
  const Tensor low = papilio::linear(dropout(cast(x, lora_A.dtype())), lora_A, {});
  const Tensor delta = papilio::linear(low, lora_B, {}) * scaling;
  const Tensor y = inside.linear(x, bias);
  return y + cast(delta, y.dtype());
}

void LoraLayer::visit(nn::Visitor& v) {
  v("lora_A", lora_A);
  v("lora_B", lora_B);
  v("dropout", dropout);
}

std::string LoraLayer::describe() const {
  return str("LoRA(r = ", lora_A.size(0), ", scaling = ", scaling, ")");
}

}  // namespace papilio::boft
