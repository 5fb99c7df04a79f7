#include "autograd/ops/activation.h"

#include "autograd/ops/detail/elementwise.h"

namespace papilio {

using namespace elementwise;

Tensor relu(const Tensor& x) {
  return differentiable_map("relu", x, functor::Relu());
}

Tensor sigmoid(const Tensor& x) {
  return differentiable_map("sigmoid", x, functor::Sigmoid());
}

Tensor silu(const Tensor& x) {
  return differentiable_map("silu", x, functor::Silu());
}

Tensor gelu(const Tensor& x, GeluApproximate approximate) {
  if (approximate == GeluApproximate::tanh) {
    return differentiable_map("gelu", x, functor::GeluTanh());
  }
  return differentiable_map("gelu", x, functor::Gelu());
}

}  // namespace papilio
