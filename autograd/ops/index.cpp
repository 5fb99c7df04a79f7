#include "autograd/ops/index.h"

#include <cstddef>
#include <cstdint>

#include "autograd/ops/detail/check.h"
#include "autograd/record.h"
#include "kernels/index.h"
#include "kernels/reduce.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {

namespace {

// A contiguous index whose values lie in [0, n).
Tensor checked_index(const char* operation, const Tensor& x, const Tensor& index, int64_t n) {
  check_defined(operation, x);
  check_dtype(operation, index, DType::int64, "index");
  check(x.device() == index.device(), operation, ": expected tensors on one device, got ",
        x.device(), " and ", index.device());
  Tensor result = contiguous_data(index);
  const int64_t j =
      pick(x.device(), cpu::first_outside, cuda::first_outside)(view(result), n, std::nullopt);
  if (j < 0) return result;
  Dims at = index.shape();
  int64_t rest = j;
  for (int d = at.size() - 1; d >= 0; --d) {
    const int64_t size = at[d];
    at[d] = rest % size;
    rest /= size;
  }
  throw ArgumentError(str(operation, ": index ", result.to_vector<int64_t>()[size_t(j)], " at ", at,
                          " is out of range [0, ", n, ")"));
}

// shape seen as (outer, its size at dim, inner).
Dims around(const Dims& shape, int dim) {
  Dims result{1, shape[dim], 1};
  for (int i = 0; i < dim; ++i) result[0] *= shape[i];
  for (int i = dim + 1; i < shape.size(); ++i) result[2] *= shape[i];
  return result;
}

Tensor as_rows(const Tensor& x, const Dims& shape) {
  const Tensor c = contiguous_data(x);
  return c.alias(c.layout().reshape("index", shape).layout);
}

// x: `rows` = (outer, n, inner); the result has x's dtype and y's shape. `at` is 1-d.
Tensor select_rows(const char* operation, const Tensor& x, const Dims& rows, const Tensor& at,
                   const Dims& y_shape, int64_t skip) {
  Tensor y = empty(y_shape, {.dtype = x.dtype(), .device = x.device()});
  const Dims y_rows{rows[0], at.numel(), rows[2]};
  if (y.numel() > 0)
    pick(x.device(), cpu::index_select, cuda::index_select)(view(as_rows(y, y_rows)),
                                                            view(as_rows(x, rows)), view(at));
  return record(operation, y, {x}, [=, shape = x.shape()](const Tensor& dy, Needs) {
    Tensor dx = empty(shape, {.dtype = dy.dtype(), .device = dy.device()});
    if (dx.numel() > 0)
      pick(dy.device(), cpu::index_select_backward, cuda::index_select_backward)(
          view(as_rows(dx, rows)), view(as_rows(dy, y_rows)), view(at), skip);
    return Grads{dx};
  });
}

}  // namespace

Tensor index_select(const Tensor& x, int dim, const Tensor& index) {
  check_defined("index_select", x);
  dim = wrap_dim("index_select", dim, x.dim());
  check_defined("index_select", index, "index");
  check(index.dim() <= 1, "index_select: expected an index with one dimension, got shape ",
        index.shape());
  const Tensor at = as_rows(checked_index("index_select", x, index, x.size(dim)), {index.numel()});
  Dims shape = x.shape();
  shape[dim] = at.numel();
  return select_rows("index_select", x, around(x.shape(), dim), at, shape, -1);
}

Tensor gather(const Tensor& x, int dim, const Tensor& index) {
  check_defined("gather", x);
  dim = wrap_dim("gather", dim, x.dim());
  check_defined("gather", index, "index");
  bool fits = index.dim() == x.dim();
  for (int i = 0; fits && i < x.dim(); ++i) fits = i == dim || index.size(i) <= x.size(i);
  check(fits, "gather: expected an index no larger than x but along dimension ", dim, ", got ",
        index.shape(), " for x of shape ", x.shape());
  const Tensor at = checked_index("gather", x, index, x.size(dim));
  Layout part = x.layout();  // what index reaches
  for (int i = 0; i < x.dim(); ++i)
    if (i != dim) part.shape[i] = index.size(i);
  const Tensor y = empty(index.shape(), {.dtype = x.dtype(), .device = x.device()});
  const Dims rows = around(part.shape, dim), y_rows = around(index.shape(), dim);
  if (y.numel() > 0)
    pick(x.device(), cpu::gather, cuda::gather)(
        view(as_rows(y, y_rows)), view(as_rows(x.alias(part), rows)), view(as_rows(at, y_rows)));
  return record(
      "gather", y, {x}, [=, whole = x.shape(), reached = part.shape](const Tensor& dy, Needs) {
        Tensor sums = zeros(reached, {.dtype = accumulator(dy.dtype()), .device = dy.device()});
        if (dy.numel() > 0)
          pick(dy.device(), cpu::gather_backward, cuda::gather_backward)(
              view(as_rows(sums, rows)), view(as_rows(dy, y_rows)), view(as_rows(at, y_rows)));
        if (reached == whole)
          return Grads{sums.dtype() == dy.dtype() ? sums : copy_of(sums, dy.dtype())};
        Tensor dx = zeros(whole, {.dtype = dy.dtype(), .device = dy.device()});
        Layout inside = dx.layout();
        inside.shape = reached;
        copy_(dx.alias(inside), sums);
        return Grads{dx};
      });
}

Tensor embedding(const Tensor& weight, const Tensor& indices, std::optional<int64_t> padding_idx) {
  check_defined("embedding", weight, "weight");
  check(weight.dim() == 2, "embedding: expected weight of shape (n, d), got ", weight.shape());
  const int64_t n = weight.size(0), d = weight.size(1);
  int64_t skip = -1;
  if (padding_idx) {
    check(*padding_idx >= -n && *padding_idx < n, "embedding: padding_idx ", *padding_idx,
          " is out of range for ", n, " rows");
    skip = *padding_idx < 0 ? *padding_idx + n : *padding_idx;
  }
  const Tensor at = checked_index("embedding", weight, indices, n);
  Dims shape = indices.shape();
  shape.push_back(d);
  return select_rows("embedding", weight, {1, n, d}, as_rows(at, {at.numel()}), shape, skip);
}

}  // namespace papilio
