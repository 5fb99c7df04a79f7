// Gradients under PEFT's keys.
#pragma once

#include "autograd/backward.h"
#include "nn/module.h"
#include "tensor/copy.h"

namespace papilio::test {

// Every trained parameter takes its gradient as its value (0 if there is none), so that saving
// the adapter writes gradients.
inline void become_gradients(nn::Module& model) {
  for (const auto& [name, parameter] : nn::named_parameters(model)) {
    if (!parameter->requires_grad()) continue;
    const Tensor gradient = grad(*parameter);
    if (gradient.defined()) {
      copy_(parameter->detach(), gradient);
    } else {
      fill_(parameter->detach(), 0);
    }
  }
}

}  // namespace papilio::test
