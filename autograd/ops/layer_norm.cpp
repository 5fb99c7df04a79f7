#include "autograd/ops/layer_norm.h"

#include <cstdint>
#include <span>

#include "autograd/autocast.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/detail/check.h"
#include "autograd/ops/detail/elementwise.h"
#include "autograd/ops/detail/operands.h"
#include "autograd/record.h"
#include "autograd/saved.h"
#include "kernels/layer_norm.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {

namespace {

void check_parameter(const char* operation, const Tensor& x, const Tensor& parameter,
                     const char* what) {
  if (!parameter.defined()) return;
  check_same(operation, x, parameter);
  check_shape(operation, parameter, {x.size(-1)}, what);
}

void check_arguments(const char* operation, const Tensor& x) {
  check_floating(operation, x);
  check(x.dim() >= 1, operation, ": expected at least one dimension, got a 0-d tensor");
}

// (rows, 2)
Tensor statistics_for(const Tensor& x) {
  int64_t count = 1;
  for (int i = 0; i + 1 < x.dim(); ++i) count *= x.shape()[i];
  return empty({count, 2}, {.dtype = compute_dtype(x.dtype()), .device = x.device()});
}

// a + b once more.
Tensor add_again(std::span<const Tensor> in) {
  return elementwise::zip("add", in[0], in[1], in[0].dtype(), functor::Add());
}

Tensor normalised(const Tensor& rows, const Tensor& statistics, const Tensor& weight,
                  const Tensor& bias, double eps) {
  Tensor y = empty_like(rows);
  pick(y.device(), cpu::layer_norm, cuda::layer_norm)(
      view(y), view(statistics), view(rows), view_or_none(weight), view_or_none(bias), eps);
  return y;
}

// y with its gradient; x is what was normalised, `rows` the same contiguous.
Tensor recorded(Tensor y, const Tensor& x, const Tensor& rows, const Tensor& statistics,
                const Tensor& weight, const Tensor& bias, double eps) {
  const Tensor w = contiguous_or_none(weight), b = contiguous_or_none(bias);
  y = record("layer_norm", y, {x, weight, bias},
             [saved = Saved(x, rows), w, statistics](const Tensor& dy, Needs needs) {
               const Tensor rows = saved.get();
               const Dims columns{rows.size(-1)};
               const TensorOptions options{.dtype = rows.dtype(), .device = rows.device()};
               const Tensor dx = needs[0] ? empty_like(rows) : Tensor();
               const Tensor dw = needs[1] ? empty(columns, options) : Tensor();
               const Tensor db = needs[2] ? empty(columns, options) : Tensor();
               pick(rows.device(), cpu::layer_norm_backward,
                    cuda::layer_norm_backward)({.dx = view_or_none(dx),
                                                .dweight = view_or_none(dw),
                                                .dbias = view_or_none(db),
                                                .dy = view(contiguous_data(dy)),
                                                .x = view(rows),
                                                .statistics = view(statistics),
                                                .weight = view_or_none(w)});
               return Grads{dx, dw, db};
             });
  if (x.is_contiguous())
    offer_remake(y, {x}, [w, b, eps](std::span<const Tensor> in) {
      return normalised(in[0], statistics_for(in[0]), w, b, eps);
    });
  return y;
}

}  // namespace

Tensor layer_norm(const Tensor& input, const Tensor& w, const Tensor& b, double eps) {
  const Tensor x = autocast::to_float32(input), weight = autocast::to_float32(w),
               bias = autocast::to_float32(b);
  check_arguments("layer_norm", x);
  check_parameter("layer_norm", x, weight, "weight");
  check_parameter("layer_norm", x, bias, "bias");
  const Tensor rows = contiguous_data(x), statistics = statistics_for(x);
  const Tensor y =
      normalised(rows, statistics, contiguous_or_none(weight), contiguous_or_none(bias), eps);
  return recorded(y, x, rows, statistics, weight, bias, eps);
}

SumAndNorm add_layer_norm(const Tensor& a, const Tensor& b, const Tensor& weight,
                          const Tensor& bias, double eps) {
  constexpr const char* name = "add_layer_norm";
  check_arguments(name, a);
  check_defined(name, b, "b");
  // Mixed dtypes, and those that autocast changes, are the composed operations' affair.
  const auto other = [&a](const Tensor& x) { return x.defined() && x.dtype() != a.dtype(); };
  const bool cast = autocast_enabled() && a.dtype() != DType::float32;
  if (cast || other(b) || other(weight) || other(bias))
    return add_layer_norm_composed(a, b, weight, bias, eps);
  check_parameter(name, a, weight, "weight");
  check_parameter(name, a, bias, "bias");
  check_same(name, a, b);
  check_shape(name, b, a.shape(), "b");
  const Tensor statistics = statistics_for(a), norm = empty_like(a);
  Tensor sum = empty_like(a);
  pick(a.device(), cpu::add_layer_norm,
       cuda::add_layer_norm)({.sum = view(sum),
                              .y = view(norm),
                              .statistics = view(statistics),
                              .a = view(contiguous_data(a)),
                              .b = view(contiguous_data(b)),
                              .weight = view_or_none(contiguous_or_none(weight)),
                              .bias = view_or_none(contiguous_or_none(bias)),
                              .eps = eps});
  sum = record(name, sum, {a, b}, [](const Tensor& d, Needs) { return Grads{d, d}; });
  if (is_kept(a, sum) && is_kept(b, sum)) offer_remake(sum, {a, b}, add_again);
  return {sum, recorded(norm, sum, sum.detach(), statistics, weight, bias, eps)};
}

SumAndNorm add_layer_norm_composed(const Tensor& a, const Tensor& b, const Tensor& weight,
                                   const Tensor& bias, double eps) {
  const Tensor sum = a + b;
  return {sum, layer_norm(sum, weight, bias, eps)};
}

}  // namespace papilio
