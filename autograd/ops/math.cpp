#include "autograd/ops/math.h"

#include "autograd/autocast.h"
#include "autograd/ops/detail/elementwise.h"

namespace papilio {

using namespace elementwise;

Tensor pow(const Tensor& x, double exponent) {
  if (autocast_enabled())
    return autocast::in_float32([&](const Tensor& wide) { return pow(wide, exponent); }, x);
  if (exponent == 2) return differentiable_map("pow", x, functor::Square());
  if (exponent == 3) return differentiable_map("pow", x, functor::Cube());
  if (exponent == 0.5) return differentiable_map("pow", x, functor::Sqrt());
  if (exponent == -1) return differentiable_map("pow", x, functor::Reciprocal());
  return differentiable_map("pow", x, functor::PowNumber(exponent));
}

Tensor pow(const Tensor& a, const Tensor& b) {
  if (autocast_enabled())
    return autocast::in_float32([](const Tensor& x, const Tensor& y) { return pow(x, y); }, a, b);
  return differentiable_zip("pow", a, b, functor::Pow());
}

Tensor exp(const Tensor& x) {
  if (autocast_enabled()) return autocast::in_float32(papilio::exp, x);
  return differentiable_map("exp", x, functor::Exp());
}

Tensor log(const Tensor& x) {
  if (autocast_enabled()) return autocast::in_float32(papilio::log, x);
  return differentiable_map("log", x, functor::Log());
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
