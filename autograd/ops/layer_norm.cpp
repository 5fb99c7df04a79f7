#include "autograd/ops/layer_norm.h"

#include "autograd/autocast.h"
#include "autograd/ops/check.h"
#include "autograd/record.h"
#include "kernels/layer_norm.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {

namespace {

void check_parameter(const Tensor& x, const Tensor& parameter, const char* what) {
  if (!parameter.defined()) return;
  check_same("layer_norm", x, parameter);
  check_shape("layer_norm", parameter, {x.size(-1)}, what);
}

// Undefined parameters stay undefined.
Tensor contiguous_or_none(const Tensor& x) {
  return x.defined() ? contiguous_data(x) : Tensor();
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  if (autocast_enabled()) return autocast::in_float32(layer_norm, x, weight, bias, eps);
  check_floating("layer_norm", x);
  check(x.dim() >= 1, "layer_norm: expected at least one dimension, got a 0-d tensor");
  check_parameter(x, weight, "weight");
  check_parameter(x, bias, "bias");
  const Tensor rows = contiguous_data(x), w = contiguous_or_none(weight);
  int64_t count = 1;
  for (int i = 0; i + 1 < x.dim(); ++i) count *= x.shape()[i];
  const Tensor statistics =
      empty({count, 2}, {.dtype = compute_dtype(x.dtype()), .device = x.device()});
  const Tensor y = empty_like(rows);
  pick("layer_norm", x.device(), cpu::layer_norm, cuda::layer_norm)(
      view(y), view(statistics), view(rows), view_or_none(w),
      view_or_none(contiguous_or_none(bias)), eps);
  return record(
      "layer_norm", y, {x, weight, bias}, [rows, w, statistics](const Tensor& dy, Needs needs) {
        const Dims columns{rows.size(-1)};
        const TensorOptions options{.dtype = rows.dtype(), .device = rows.device()};
        const Tensor dx = needs[0] ? empty_like(rows) : Tensor();
        const Tensor dw = needs[1] ? empty(columns, options) : Tensor();
        const Tensor db = needs[2] ? empty(columns, options) : Tensor();
        pick("layer_norm", rows.device(), cpu::layer_norm_backward, cuda::layer_norm_backward)(
            view_or_none(dx), view_or_none(dw), view_or_none(db), view(contiguous_data(dy)),
            view(rows), view(statistics), view_or_none(w));
        return Grads{dx, dw, db};
      });
}

}  // namespace papilio
