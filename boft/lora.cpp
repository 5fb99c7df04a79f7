#include "boft/lora.h"

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "nn/init.h"
#include "tensor/creation.h"
#include "tensor/random.h"

namespace papilio::boft {

LoraLayer::LoraLayer(const nn::AdaptableLayer& layer, const LoraConfig& config)
    : dropout(config.lora_dropout), scaling(config.lora_alpha / double(config.r)) {
  config.validate();
  check(layer.weight.dim() == 2, "LoRA: ", layer.describe(), " cannot be adapted; Linear can");
  lora_A = empty({config.r, layer.adapted_inputs()});
  nn::kaiming_uniform_(lora_A);
  set_requires_grad(lora_A);
  const Dims b{layer.adapted_outputs(), config.r};
  lora_B = leaf(config.init_lora_weights ? zeros(b) : normal(b, 0, 0.1));
}

Tensor LoraLayer::weight(const Tensor& w, bool) {
  const Tensor delta = matmul(lora_B, lora_A) * scaling;
  return cast(cast(w, delta.dtype()) + delta, w.dtype());
}

Tensor LoraLayer::linear(const Tensor& x, const nn::AdaptedWeight& inside, const Tensor& bias) {
  const Tensor low = papilio::linear(dropout(cast(x, lora_A.dtype())), lora_A, {});
  const Tensor delta = papilio::linear(low, lora_B, {}) * scaling;
  return inside.linear(x, bias) + cast(delta, x.dtype());
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
