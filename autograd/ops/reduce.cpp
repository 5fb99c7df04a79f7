#include "autograd/ops/reduce.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "autograd/autocast.h"
#include "autograd/ops/detail/check.h"
#include "autograd/ops/detail/operands.h"
#include "autograd/ops/detail/reduce_plan.h"
#include "autograd/record.h"
#include "kernels/reduce.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {

namespace {

Tensor expanded(const Tensor& x, const Dims& shape) {
  return x.alias(x.layout().expand("reduce", shape));
}

// dy as it came, with sizes of 1 in the dimensions of `set`.
Tensor keep_dims(const Tensor& dy, DimSet set, bool keep) {
  return keep ? dy : with_ones(dy, set);
}

int64_t count(const Tensor& x, DimSet set) {
  int64_t n = 1;
  for (int i = 0; i < x.dim(); ++i)
    if (set >> i & 1) n *= x.size(i);
  return n;
}

Tensor sum_or_mean(const char* operation, const Tensor& x, const Dims& dims, bool keep,
                   bool divide) {
  const DimSet set = dim_set(operation, dims, x.dim());
  const double factor = divide ? 1.0 / double(count(x, set)) : 1;
  const bool floating = is_floating(x.dtype());
  Tensor y =
      reduced(operation, Reducer::sum, floating ? x : converted(x, DType::int64), set, factor);
  if (divide && x.numel() == 0) fill_(y, std::nan(""));
  y = converted(y, floating ? x.dtype() : DType::int64);
  return record(operation, keep ? y : without(y, set), {x},
                [operation, set, keep, factor, shape = x.shape()](const Tensor& dy, Needs) {
                  Tensor d = keep_dims(dy, set, keep);
                  if (factor != 1)
                    d = converted(reduced(operation, Reducer::sum, d, 0, factor), dy.dtype());
                  return Grads{expanded(d, shape)};
                });
}

Tensor extremum(const char* operation, Reducer reducer, const Tensor& x, const Dims& dims,
                bool keep) {
  check_defined(operation, x);
  const DimSet set = dim_set(operation, dims, x.dim());
  check(count(x, set) > 0, operation, ": expected at least one element to reduce, got shape ",
        x.shape());
  const bool floating = is_floating(x.dtype());
  Tensor y = converted(reduced(operation, reducer, floating ? x : converted(x, DType::int64), set),
                       x.dtype());
  return record(operation, keep ? y : without(y, set), {x},
                [operation, set, keep, x = x.detach(), y](const Tensor& dy, Needs) {
                  Tensor dx = empty(x.shape(), {.dtype = x.dtype(), .device = x.device()});
                  const Tensor ties = reduced(operation, Reducer::count_equal, x, set, 1,
                                              converted(y, accumulator(y.dtype())));
                  pick(x.device(), cpu::max_backward, cuda::max_backward)(
                      view(dx), view(expanded(keep_dims(dy, set, keep), x.shape())), view(x),
                      view(expanded(y, x.shape())), view(expanded(ties, x.shape())));
                  return Grads{dx};
                });
}

}  // namespace

Tensor sum(const Tensor& input, const Dims& dims, bool keep) {
  const Tensor x = autocast::to_float32(input);
  check_defined("sum", x);
  return sum_or_mean("sum", x, dims, keep, false);
}

Tensor mean(const Tensor& input, const Dims& dims, bool keep) {
  const Tensor x = autocast::to_float32(input);
  check_floating("mean", x);
  return sum_or_mean("mean", x, dims, keep, true);
}

Tensor var(const Tensor& input, const Dims& dims, bool keep, int64_t correction) {
  const Tensor x = autocast::to_float32(input);
  check_floating("var", x);
  const DimSet set = dim_set("var", dims, x.dim());
  const int64_t n = count(x, set);
  const double factor = 1.0 / double(std::max<int64_t>(0, n - correction));
  const Tensor center = reduced("var", Reducer::sum, x, set, 1.0 / double(n));
  Tensor y = reduced("var", Reducer::squared_deviation, x, set, factor, center);
  if (n == 0) fill_(y, std::nan(""));
  y = converted(y, x.dtype());
  return record("var", keep ? y : without(y, set), {x},
                [set, keep, factor, x = x.detach(), center](const Tensor& dy, Needs) {
                  Tensor dx = empty(x.shape(), {.dtype = x.dtype(), .device = x.device()});
                  pick(x.device(), cpu::var_backward, cuda::var_backward)(
                      view(dx), view(expanded(keep_dims(dy, set, keep), x.shape())), view(x),
                      view(expanded(center, x.shape())), 2 * factor);
                  return Grads{dx};
                });
}

Tensor max(const Tensor& x, const Dims& dims, bool keep) {
  return extremum("max", Reducer::max, x, dims, keep);
}

Tensor min(const Tensor& x, const Dims& dims, bool keep) {
  return extremum("min", Reducer::min, x, dims, keep);
}

}  // namespace papilio
