#include "autograd/ops/mse_loss.h"

#include "autograd/autocast.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/detail/check.h"
#include "autograd/ops/math.h"
#include "autograd/ops/reduce.h"
#include "autograd/record.h"
#include "autograd/saved.h"
#include "kernels/mse_loss.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {

namespace {

constexpr const char* kName = "mse_loss";

void check_arguments(const Tensor& x, const Tensor& target) {
  check_floating(kName, x);
  check_same(kName, x, target);
  check_shape(kName, target, x.shape(), "target");
}

}  // namespace

Tensor mse_loss(const Tensor& input, const Tensor& wanted, Reduction reduction) {
  const Tensor x = autocast::to_float32(input), target = autocast::to_float32(wanted);
  check_arguments(x, target);
  const Device device = x.device();
  const Tensor a = contiguous_data(x), b = contiguous_data(target);
  const double factor = reduction == Reduction::mean ? 1 / double(x.numel()) : 1;
  Tensor y;
  if (reduction == Reduction::none) {
    y = empty_like(a);
    pick(device, cpu::squared_errors, cuda::squared_errors)(view(y), view(a), view(b));
  } else {
    y = empty({}, {.dtype = x.dtype(), .device = device});
    pick(device, cpu::mse_loss, cuda::mse_loss)(view(y), view(a), view(b), factor);
  }
  return record(
      kName, y, {x, target},
      [x = Saved(x, a), target = Saved(target, b), factor](const Tensor& dy, Needs needs) {
        const Tensor a = x.get(), b = target.get();
        const Tensor dx = needs[0] ? empty_like(a) : Tensor();
        const Tensor dt = needs[1] ? empty_like(b) : Tensor();
        pick(a.device(), cpu::mse_loss_backward,
             cuda::mse_loss_backward)({.dx = view_or_none(dx),
                                       .dtarget = view_or_none(dt),
                                       .dy = view(contiguous_data(dy)),
                                       .x = view(a),
                                       .target = view(b),
                                       .factor = factor});
        return Grads{dx, dt};
      });
}

Tensor mse_loss_composed(const Tensor& x, const Tensor& target, Reduction reduction) {
  check_arguments(x, target);
  Tensor squares = pow(x - target, 2);
  if (reduction == Reduction::none) return squares;
  return reduction == Reduction::mean ? mean(squares) : sum(squares);
}

}  // namespace papilio
