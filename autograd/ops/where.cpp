#include "autograd/ops/where.h"

#include <vector>

#include "autograd/autocast.h"
#include "autograd/ops/detail/elementwise.h"

namespace papilio {

using namespace elementwise;

namespace {

Tensor number_like(const Tensor& x, double number) {
  check_defined("where", x);
  check_number("where", x, number);
  return scalar(number, {.dtype = x.dtype(), .device = x.device()});
}

}  // namespace

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  if (autocast::mixed(a, b)) {
    const std::vector<Tensor> both = autocast::widest({a, b});
    return where(condition, both[0], both[1]);
  }
  check_dtype("where", condition, DType::boolean, "condition");
  check_same("where", a, b);
  check(condition.device() == a.device(), "where: expected condition on ", a.device(), ", got ",
        condition.device());
  const Dims shape =
      broadcast_shapes("where", broadcast_shapes("where", a.shape(), b.shape()), condition.shape());
  Tensor y = empty_for(shape, a, a.dtype());
  pick(a.device(), cpu::where, cuda::where)(view(y), view(expanded("where", condition, shape)),
                                            view(expanded("where", a, shape)),
                                            view(expanded("where", b, shape)));
  return record("where", y, {condition, a, b},
                [condition, a = a.shape(), b = b.shape()](const Tensor& dy, Needs needs) {
                  Grads grads(3);
                  if (needs[1]) grads[1] = sum_to(where(condition, dy, 0.0), a);
                  if (needs[2]) grads[2] = sum_to(where(condition, 0.0, dy), b);
                  return grads;
                });
}

Tensor where(const Tensor& condition, const Tensor& a, double b) {
  return where(condition, a, number_like(a, b));
}

Tensor where(const Tensor& condition, double a, const Tensor& b) {
  return where(condition, number_like(b, a), b);
}

}  // namespace papilio
