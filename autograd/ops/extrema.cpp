#include "autograd/ops/extrema.h"

#include <cmath>

#include "autograd/autocast.h"
#include "autograd/ops/detail/elementwise.h"

namespace papilio {

using namespace elementwise;

Tensor maximum(const Tensor& a, const Tensor& b) {
  if (autocast::mixed(a, b)) return autocast::in_widest(maximum, a, b);
  return differentiable_zip("maximum", a, b, functor::Maximum());
}

Tensor minimum(const Tensor& a, const Tensor& b) {
  if (autocast::mixed(a, b)) return autocast::in_widest(minimum, a, b);
  return differentiable_zip("minimum", a, b, functor::Minimum());
}

Tensor clamp(const Tensor& x, double low, double high) {
  check_domain("clamp", x, Domain::numeric);
  check(!std::isnan(low) && !std::isnan(high), "clamp: expected numbers as limits, got ", low,
        " and ", high);
  check_number("clamp", x, low);
  check_number("clamp", x, high);
  return differentiable_map("clamp", x, functor::Clamp(low, high));
}

}  // namespace papilio
