// How elementwise operations are made from a functor (kernels/functors.h) and its kernels. Not for
// users.
#pragma once

#include <cmath>
#include <span>

#include "autograd/backward.h"
#include "autograd/ops/detail/check.h"
#include "autograd/record.h"
#include "autograd/saved.h"
#include "kernels/elementwise.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio::elementwise {

inline void check_domain(const char* operation, const Tensor& x, Domain domain) {
  check_defined(operation, x);
  if (domain == Domain::any || is_floating(x.dtype())) return;
  if (domain == Domain::floating) return check_floating(operation, x);
  check(x.dtype() == DType::int64 || x.dtype() == DType::int32, operation,
        ": expected a floating, int64 or int32 tensor, got ", x.dtype());
}

// Integer tensors meet whole numbers only: nothing is rounded silently.
inline void check_number(const char* operation, const Tensor& x, double number) {
  check(is_floating(x.dtype()) || number == std::trunc(number), operation,
        ": expected a whole number for ", x.dtype(), ", got ", number);
}

// An uninitialised result of this shape and dtype, on the device of `like`.
inline Tensor empty_for(const Dims& shape, const Tensor& like, DType dtype) {
  return empty(shape, {.dtype = dtype, .device = like.device()});
}

// f(x) without gradient.
template <class F>
Tensor map(const char* operation, const Tensor& x, F f) {
  check_domain(operation, x, F::kDomain);
  Tensor y = empty_for(x.shape(), x, x.dtype());
  pick(x.device(), cpu::map<F>, cuda::map<F>)(view(y), view(x), f);
  return y;
}

// f(x) with dx = dy f'.
template <class F>
Tensor differentiable_map(const char* operation, const Tensor& x, F f) {
  const Tensor y = map(operation, x, f);
  const Saved saved(F::kFromOutput ? y : x);
  Tensor result = record(operation, y, {x}, [f, saved](const Tensor& dy, Needs) {
    const Tensor v = saved.get();
    const Tensor dx = empty_for(v.shape(), v, v.dtype());
    pick(dx.device(), cpu::map_backward<F>, cuda::map_backward<F>)(view(dx), view(dy), view(v), f);
    return Grads{dx};
  });
  if constexpr (F::kFromOutput)
    mark_kept(result);
  else
    offer_remake(result, {x},
                 [operation, f](std::span<const Tensor> in) { return map(operation, in[0], f); });
  return result;
}

// x as it looks in `shape`, without gradient.
inline Tensor expanded(const char* operation, const Tensor& x, const Dims& shape) {
  return x.alias(x.layout().expand(operation, shape));
}

// f(a, b), broadcast, without gradient; of `dtype`.
template <class F>
Tensor zip(const char* operation, const Tensor& a, const Tensor& b, DType dtype, F f) {
  check_same(operation, a, b);
  check_domain(operation, a, F::kDomain);
  const Dims shape = broadcast_shapes(operation, a.shape(), b.shape());
  Tensor y = empty_for(shape, a, dtype);
  pick(a.device(), cpu::zip<F>, cuda::zip<F>)(view(y), view(expanded(operation, a, shape)),
                                              view(expanded(operation, b, shape)), f);
  return y;
}

// dy times the derivative of f by a (or b), in the shape of a (of b).
template <class F>
Tensor gradient_a(const char* operation, const Tensor& dy, const Tensor& a, const Tensor& b, F f) {
  Tensor da = empty_for(dy.shape(), dy, dy.dtype());
  pick(dy.device(), cpu::zip_backward_a<F>, cuda::zip_backward_a<F>)(
      view(da), view(dy), view(expanded(operation, a, dy.shape())),
      view(expanded(operation, b, dy.shape())), f);
  return sum_to(da, a.shape());
}
template <class F>
Tensor gradient_b(const char* operation, const Tensor& dy, const Tensor& a, const Tensor& b, F f) {
  Tensor db = empty_for(dy.shape(), dy, dy.dtype());
  pick(dy.device(), cpu::zip_backward_b<F>, cuda::zip_backward_b<F>)(
      view(db), view(dy), view(expanded(operation, a, dy.shape())),
      view(expanded(operation, b, dy.shape())), f);
  return sum_to(db, b.shape());
}

// f(a, b) with both gradients.
template <class F>
Tensor differentiable_zip(const char* operation, const Tensor& a, const Tensor& b, F f) {
  const Tensor y = zip(operation, a, b, a.dtype(), f);
  return record(operation, y, {a, b},
                [operation, f, a = a.detach(), b = b.detach()](const Tensor& dy, Needs needs) {
                  Grads grads(2);
                  if (needs[0]) grads[0] = gradient_a(operation, dy, a, b, f);
                  if (needs[1]) grads[1] = gradient_b(operation, dy, a, b, f);
                  return grads;
                });
}

}  // namespace papilio::elementwise
