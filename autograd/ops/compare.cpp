#include "autograd/ops/compare.h"

#include "autograd/autocast.h"
#include "autograd/ops/detail/elementwise.h"

namespace papilio {

using namespace elementwise;

namespace {

Tensor number_like(const char* operation, const Tensor& x, double number) {
  check_defined(operation, x);
  check_number(operation, x, number);
  return scalar(number, {.dtype = x.dtype(), .device = x.device()});
}

// For those that swap their arguments: messages keep the caller's order.
void check_pair(const char* operation, const Tensor& a, const Tensor& b) {
  check_same(operation, a, b);
  broadcast_shapes(operation, a.shape(), b.shape());
}

}  // namespace

Tensor eq(const Tensor& a, const Tensor& b) {
  if (autocast::mixed(a, b)) return autocast::in_widest(eq, a, b);
  return zip("eq", a, b, DType::boolean, functor::Eq());
}
Tensor ne(const Tensor& a, const Tensor& b) {
  if (autocast::mixed(a, b)) return autocast::in_widest(ne, a, b);
  return zip("ne", a, b, DType::boolean, functor::Ne());
}
Tensor lt(const Tensor& a, const Tensor& b) {
  if (autocast::mixed(a, b)) return autocast::in_widest(lt, a, b);
  return zip("lt", a, b, DType::boolean, functor::Lt());
}
Tensor le(const Tensor& a, const Tensor& b) {
  if (autocast::mixed(a, b)) return autocast::in_widest(le, a, b);
  return zip("le", a, b, DType::boolean, functor::Le());
}
Tensor gt(const Tensor& a, const Tensor& b) {
  if (autocast::mixed(a, b)) return autocast::in_widest(gt, a, b);
  check_pair("gt", a, b);
  return zip("gt", b, a, DType::boolean, functor::Lt());
}
Tensor ge(const Tensor& a, const Tensor& b) {
  if (autocast::mixed(a, b)) return autocast::in_widest(ge, a, b);
  check_pair("ge", a, b);
  return zip("ge", b, a, DType::boolean, functor::Le());
}

Tensor eq(const Tensor& a, double b) {
  return eq(a, number_like("eq", a, b));
}
Tensor ne(const Tensor& a, double b) {
  return ne(a, number_like("ne", a, b));
}
Tensor lt(const Tensor& a, double b) {
  return lt(a, number_like("lt", a, b));
}
Tensor le(const Tensor& a, double b) {
  return le(a, number_like("le", a, b));
}
Tensor gt(const Tensor& a, double b) {
  return gt(a, number_like("gt", a, b));
}
Tensor ge(const Tensor& a, double b) {
  return ge(a, number_like("ge", a, b));
}

}  // namespace papilio
