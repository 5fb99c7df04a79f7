#include "autograd/ops/arithmetic.h"

#include <span>

#include "autograd/autocast.h"
#include "autograd/ops/detail/elementwise.h"
#include "autograd/saved.h"

namespace papilio {

using namespace elementwise;
using functor::Left;
using functor::Right;

namespace {

void check_divisible(const Tensor& x) {
  check_defined("div", x);
  check(is_floating(x.dtype()), "div: expected floating tensors, got ", x.dtype(),
        "; cast(x, dtype) makes them floating");
}

// f(x) for f one of Right<...>, Left<...>, with its number checked.
template <class F>
Tensor with_number(const char* operation, const Tensor& x, F f) {
  check_domain(operation, x, F::kDomain);
  check_number(operation, x, f.number);
  return map(operation, x, f);
}

// f(a, b) once more, for offer_remake.
template <class F>
Tensor again(std::span<const Tensor> in) {
  return zip("", in[0], in[1], in[0].dtype(), F());
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
  if (autocast::mixed(a, b)) return autocast::in_widest(add, a, b);
  const Tensor y = zip("add", a, b, a.dtype(), functor::Add());
  Tensor sum =
      record("add", y, {a, b}, [a = a.shape(), b = b.shape()](const Tensor& dy, Needs needs) {
        Grads grads(2);
        if (needs[0]) grads[0] = sum_to(dy, a);
        if (needs[1]) grads[1] = sum_to(dy, b);
        return grads;
      });
  if (is_kept(a, sum) && is_kept(b, sum)) offer_remake(sum, {a, b}, again<functor::Add>);
  return sum;
}

Tensor add(const Tensor& a, double b) {
  return record("add", with_number("add", a, Right<functor::Add>{b}), {a},
                [](const Tensor& dy, Needs) { return Grads{dy}; });
}

Tensor add(double a, const Tensor& b) {
  return add(b, a);
}

Tensor sub(const Tensor& a, const Tensor& b) {
  if (autocast::mixed(a, b)) return autocast::in_widest(sub, a, b);
  const Tensor y = zip("sub", a, b, a.dtype(), functor::Sub());
  return record("sub", y, {a, b}, [a = a.shape(), b = b.shape()](const Tensor& dy, Needs needs) {
    Grads grads(2);
    if (needs[0]) grads[0] = sum_to(dy, a);
    if (needs[1]) grads[1] = neg(sum_to(dy, b));
    return grads;
  });
}

Tensor sub(const Tensor& a, double b) {
  return record("sub", with_number("sub", a, Right<functor::Add>{-b}), {a},
                [](const Tensor& dy, Needs) { return Grads{dy}; });
}

Tensor sub(double a, const Tensor& b) {
  return record("sub", with_number("sub", b, Left<functor::Sub>{a}), {b},
                [](const Tensor& dy, Needs) { return Grads{neg(dy)}; });
}

Tensor mul(const Tensor& a, const Tensor& b) {
  if (autocast::mixed(a, b)) return autocast::in_widest(mul, a, b);
  const Tensor y = zip("mul", a, b, a.dtype(), functor::Mul());
  // Each factor is kept only for the other one's gradient.
  const Saved for_a = a.requires_grad() ? Saved(b) : Saved(),
              for_b = b.requires_grad() ? Saved(a) : Saved();
  Tensor product =
      record("mul", y, {a, b},
             [for_a, for_b, a = a.shape(), b = b.shape()](const Tensor& dy, Needs needs) {
               Grads grads(2);
               if (needs[0]) grads[0] = sum_to(mul(dy, for_a.get()), a);
               if (needs[1]) grads[1] = sum_to(mul(dy, for_b.get()), b);
               return grads;
             });
  if (is_kept(a, product) && is_kept(b, product))
    offer_remake(product, {a, b}, again<functor::Mul>);
  return product;
}

Tensor mul(const Tensor& a, double b) {
  return record("mul", with_number("mul", a, Right<functor::Mul>{b}), {a},
                [b](const Tensor& dy, Needs) { return Grads{mul(dy, b)}; });
}

Tensor mul(double a, const Tensor& b) {
  return mul(b, a);
}

Tensor div(const Tensor& a, const Tensor& b) {
  if (autocast::mixed(a, b)) return autocast::in_widest(div, a, b);
  check_same("div", a, b);
  check_divisible(a);
  const Tensor y = zip("div", a, b, a.dtype(), functor::Div());
  const Saved dividend = b.requires_grad() ? Saved(a) : Saved();
  return record("div", y, {a, b},
                [dividend, divisor = Saved(b), a = a.shape()](const Tensor& dy, Needs needs) {
                  Grads grads(2);
                  const Tensor d = divisor.get();
                  if (needs[0]) grads[0] = sum_to(div(dy, d), a);
                  if (needs[1]) grads[1] = gradient_b("div", dy, dividend.get(), d, functor::Div());
                  return grads;
                });
}

Tensor div(const Tensor& a, double b) {
  check_divisible(a);
  return record("div", with_number("div", a, Right<functor::Div>{b}), {a},
                [b](const Tensor& dy, Needs) { return Grads{div(dy, b)}; });
}

Tensor div(double a, const Tensor& b) {
  check_divisible(b);
  return differentiable_map("div", b, Left<functor::Div>{a});
}

Tensor neg(const Tensor& x) {
  return record("neg", map("neg", x, functor::Neg()), {x},
                [](const Tensor& dy, Needs) { return Grads{neg(dy)}; });
}

}  // namespace papilio
