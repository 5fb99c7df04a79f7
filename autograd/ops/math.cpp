#include "autograd/ops/math.h"

#include "autograd/autocast.h"
#include "autograd/ops/detail/elementwise.h"

namespace papilio {

using namespace elementwise;

Tensor pow(const Tensor& base, double exponent) {
  const Tensor x = autocast::to_float32(base);
  if (exponent == 2) return differentiable_map("pow", x, functor::Square());
  if (exponent == 3) return differentiable_map("pow", x, functor::Cube());
  if (exponent == 0.5) return differentiable_map("pow", x, functor::Sqrt());
  if (exponent == -1) return differentiable_map("pow", x, functor::Reciprocal());
  return differentiable_map("pow", x, functor::PowNumber(exponent));
}

Tensor pow(const Tensor& a, const Tensor& b) {
  return differentiable_zip("pow", autocast::to_float32(a), autocast::to_float32(b),
                            functor::Pow());
}

Tensor exp(const Tensor& x) {
  return differentiable_map("exp", autocast::to_float32(x), functor::Exp());
}

Tensor log(const Tensor& x) {
  return differentiable_map("log", autocast::to_float32(x), functor::Log());
}

Tensor sin(const Tensor& x) {
  return differentiable_map("sin", x, functor::Sin());
}

Tensor cos(const Tensor& x) {
  return differentiable_map("cos", x, functor::Cos());
}

Tensor sqrt(const Tensor& x) {
  return differentiable_map("sqrt", x, functor::Sqrt());
}

Tensor tanh(const Tensor& x) {
  return differentiable_map("tanh", x, functor::Tanh());
}

Tensor abs(const Tensor& x) {
  return differentiable_map("abs", x, functor::Abs());
}

}  // namespace papilio
