#include "autograd/ops/group_norm.h"

#include "autograd/autocast.h"
#include "autograd/ops/activation.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/detail/check.h"
#include "autograd/ops/detail/operands.h"
#include "autograd/ops/math.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape.h"
#include "autograd/record.h"
#include "kernels/group_norm.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {

namespace {

constexpr const char* kName = "group_norm";

void check_parameter(const Tensor& x, const Tensor& parameter, const char* what) {
  if (!parameter.defined()) return;
  check_same(kName, x, parameter);
  check_shape(kName, parameter, {x.size(1)}, what);
}

void check_arguments(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias) {
  check_floating(kName, x);
  check(x.dim() >= 2, kName, ": expected x of shape (B, C, ...), got ", x.shape());
  check(groups >= 1 && x.size(1) % groups == 0, kName, ": expected groups to divide the ",
        x.size(1), " channels, got ", groups);
  check_parameter(x, weight, "weight");
  check_parameter(x, bias, "bias");
}

}  // namespace

Tensor group_norm(const Tensor& input, int64_t groups, const Tensor& w, const Tensor& b,
                  const GroupNormOptions& options) {
  const Tensor x = autocast::to_float32(input), weight = autocast::to_float32(w),
               bias = autocast::to_float32(b);
  check_arguments(x, groups, weight, bias);
  const Tensor rows = contiguous_data(x), y = empty_like(rows), wd = contiguous_or_none(weight),
               bd = contiguous_or_none(bias);
  const Tensor statistics =
      empty({x.size(0) * groups, 2}, {.dtype = compute_dtype(x.dtype()), .device = x.device()});
  pick(x.device(), cpu::group_norm, cuda::group_norm)({.y = view(y),
                                                       .statistics = view(statistics),
                                                       .x = view(rows),
                                                       .weight = view_or_none(wd),
                                                       .bias = view_or_none(bd),
                                                       .groups = groups,
                                                       .eps = options.eps,
                                                       .silu = options.silu});
  return record(kName, y, {x, weight, bias},
                [=, silu = options.silu](const Tensor& dy, Needs needs) {
                  const TensorOptions like{.dtype = rows.dtype(), .device = rows.device()};
                  const Tensor dx = needs[0] ? empty_like(rows) : Tensor();
                  const Tensor dw = needs[1] ? empty({rows.size(1)}, like) : Tensor();
                  const Tensor db = needs[2] ? empty({rows.size(1)}, like) : Tensor();
                  pick(rows.device(), cpu::group_norm_backward,
                       cuda::group_norm_backward)({.dx = view_or_none(dx),
                                                   .dweight = view_or_none(dw),
                                                   .dbias = view_or_none(db),
                                                   .dy = view(contiguous_data(dy)),
                                                   .x = view(rows),
                                                   .statistics = view(statistics),
                                                   .weight = view_or_none(wd),
                                                   .bias = view_or_none(bd),
                                                   .groups = groups,
                                                   .silu = silu});
                  return Grads{dx, dw, db};
                });
}

Tensor group_norm_composed(const Tensor& x, int64_t groups, const Tensor& weight,
                           const Tensor& bias, const GroupNormOptions& options) {
  check_arguments(x, groups, weight, bias);
  const Tensor rows = reshape(x, {x.size(0), groups, x.numel() / (x.size(0) * groups)});
  const Tensor centred = rows - mean(rows, {-1}, keepdim);
  const Tensor variance = mean(pow(centred, 2), {-1}, keepdim);
  Tensor y = reshape(centred / sqrt(variance + options.eps), x.shape());
  Dims columns = x.shape();
  for (int d = 0; d < columns.size(); ++d) columns[d] = d == 1 ? x.size(1) : 1;
  if (weight.defined()) y = y * reshape(weight, columns);
  if (bias.defined()) y = y + reshape(bias, columns);
  return options.silu ? silu(y) : y;
}

}  // namespace papilio
