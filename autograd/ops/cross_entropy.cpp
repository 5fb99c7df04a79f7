#include "autograd/ops/cross_entropy.h"

#include <cstddef>
#include <cstdint>

#include "autograd/autocast.h"
#include "autograd/ops/detail/check.h"
#include "autograd/record.h"
#include "kernels/cross_entropy.h"
#include "kernels/index.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"
#include "tensor/recording.h"

namespace papilio {

namespace {

void check_target(const Tensor& logits, const Tensor& target, int64_t ignore_index) {
  check_defined("cross_entropy", target, "target");
  check(target.device() == logits.device(), "cross_entropy: expected tensors on one device, got ",
        logits.device(), " and ", target.device());
  const int64_t rows = logits.size(0), classes = logits.size(1);
  if (target.dtype() != DType::int64) {
    check(target.dtype() == logits.dtype(), "cross_entropy: expected a target of int64 or ",
          logits.dtype(), ", got ", target.dtype());
    check_shape("cross_entropy", target, logits.shape(), "target");
    return;
  }
  check_shape("cross_entropy", target, {rows}, "target");
  // A graph cannot look at its target; whoever launches it does (nn/train/captured_step.h).
  if (is_recording(target.device())) return;
  const int64_t row = pick(target.device(), cpu::first_outside, cuda::first_outside)(
      view(contiguous_data(target)), classes, ignore_index);
  check(row < 0, "cross_entropy: expected classes in [0, ", classes, "), got ",
        row < 0 ? 0 : target.to_vector<int64_t>()[size_t(row)], " in row ", row);
}

}  // namespace

Tensor cross_entropy(const Tensor& scores, const Tensor& wanted, CrossEntropyOptions options) {
  const Tensor logits = autocast::to_float32(scores), target = autocast::to_float32(wanted);
  check_floating("cross_entropy", logits, "logits");
  check(logits.dim() == 2, "cross_entropy: expected logits of shape (N, C), got ", logits.shape());
  check(options.label_smoothing >= 0 && options.label_smoothing <= 1,
        "cross_entropy: expected a label_smoothing in [0, 1], got ", options.label_smoothing);
  check_target(logits, target, options.ignore_index);

  const Device device = logits.device();
  const TensorOptions precise{.dtype = compute_dtype(logits.dtype()), .device = device};
  const Tensor x = contiguous_data(logits), t = contiguous_data(target);
  const int64_t n = x.size(0);
  const Tensor losses = empty({n}, precise), statistics = empty({n, 2}, precise);
  const auto kernel_target = [options](const Tensor& kept) {
    return CrossEntropyTarget{view(kept), options.label_smoothing, options.ignore_index};
  };
  pick(device, cpu::cross_entropy, cuda::cross_entropy)(view(losses), view(statistics), view(x),
                                                        kernel_target(t));
  Tensor y, divisor;
  if (options.reduction == Reduction::none) {
    y = copy_of(losses, x.dtype());
  } else {
    y = empty({}, {.dtype = x.dtype(), .device = device});
    divisor = empty({}, precise);
    pick(device, cpu::cross_entropy_total, cuda::cross_entropy_total)(
        view(y), view(divisor), view(losses), kernel_target(t),
        options.reduction == Reduction::mean);
  }
  return record("cross_entropy", y, {logits, target},
                [x, t, statistics, divisor, kernel_target](const Tensor& dy, Needs needs) {
                  const Tensor dx = needs[0] ? empty_like(x) : Tensor();
                  const Tensor dt = needs[1] ? empty_like(t) : Tensor();
                  const Tensor rows = dy.alias(dy.layout().expand("cross_entropy", {x.size(0)}));
                  pick(x.device(), cpu::cross_entropy_backward,
                       cuda::cross_entropy_backward)({.dlogits = view_or_none(dx),
                                                      .dtarget = view_or_none(dt),
                                                      .dlosses = view(rows),
                                                      .divisor = view_or_none(divisor),
                                                      .logits = view(x),
                                                      .statistics = view(statistics),
                                                      .target = kernel_target(t)});
                  return Grads{dx, dt};
                });
}

}  // namespace papilio
