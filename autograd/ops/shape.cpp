#include "autograd/ops/shape.h"

#include <algorithm>
#include <cstddef>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops/detail/check.h"
#include "autograd/record.h"
#include "kernels/copy.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {

namespace {

// x in another shape; not recorded.
Tensor reshaped(const char* operation, const Tensor& x, const Dims& shape) {
  const auto [fits, layout] = x.layout().reshape(operation, shape);
  return (fits ? x : copy_of(x)).alias(layout);
}

// For operations that keep every element in row-major order.
Tensor record_reshape(const char* operation, const Tensor& x, const Tensor& y) {
  return record(operation, y, {x}, [operation, shape = x.shape()](const Tensor& dy, Needs) {
    return Grads{reshaped(operation, dy, shape)};
  });
}

// For views of a part of x; `part` cuts the same part out of any layout of x's shape.
template <class Part>
Tensor record_part(const char* operation, const Tensor& x, Part part) {
  return record(operation, x.alias(part(x.layout())), {x},
                [part, shape = x.shape()](const Tensor& dy, Needs) {
                  Tensor dx = zeros(shape, {.dtype = dy.dtype(), .device = dy.device()});
                  copy_(dx.alias(part(dx.layout())), dy);
                  return Grads{dx};
                });
}

// A copy that reads the dimensions backwards.
Tensor flipped(const Tensor& x, const Dims& dims) {
  Tensor y = empty(x.shape(), {.dtype = x.dtype(), .device = x.device()});
  if (x.numel() == 0) return y;
  ConstView from = view(x);
  for (int64_t d : dims) {
    from.data =
        from.as<char>() + (from.shape[d] - 1) * from.strides[d] * int64_t(size_of(x.dtype()));
    from.strides[d] = -from.strides[d];
  }
  pick(x.device(), cpu::copy, cuda::copy)(view(y), from);
  return y;
}

}  // namespace

Tensor reshape(const Tensor& x, const Dims& shape) {
  check_defined("reshape", x);
  return record_reshape("reshape", x, reshaped("reshape", x, shape));
}

Tensor flatten(const Tensor& x, int first, int last) {
  check_defined("flatten", x);
  if (x.dim() == 0) return record_reshape("flatten", x, reshaped("flatten", x, {1}));
  first = wrap_dim("flatten", first, x.dim());
  last = wrap_dim("flatten", last, x.dim());
  check(first <= last, "flatten: dimension ", first, " comes after dimension ", last);
  Dims shape;
  for (int i = 0; i < x.dim(); ++i) {
    if (i > first && i <= last)
      shape[first] *= x.size(i);
    else
      shape.push_back(x.size(i));
  }
  return record_reshape("flatten", x, reshaped("flatten", x, shape));
}

Tensor transpose(const Tensor& x, int a, int b) {
  check_defined("transpose", x);
  return record("transpose", x.alias(x.layout().transpose("transpose", a, b)), {x},
                [a, b](const Tensor& dy, Needs) {
                  return Grads{dy.alias(dy.layout().transpose("transpose", a, b))};
                });
}

Tensor permute(const Tensor& x, const Dims& order) {
  check_defined("permute", x);
  const Tensor y = x.alias(x.layout().permute("permute", order));
  Dims back = order;
  for (int i = 0; i < order.size(); ++i) back[wrap_dim("permute", order[i], x.dim())] = i;
  return record("permute", y, {x}, [back](const Tensor& dy, Needs) {
    return Grads{dy.alias(dy.layout().permute("permute", back))};
  });
}

Tensor expand(const Tensor& x, const Dims& shape) {
  check_defined("expand", x);
  return record("expand", x.alias(x.layout().expand("expand", shape)), {x},
                [from = x.shape()](const Tensor& dy, Needs) { return Grads{sum_to(dy, from)}; });
}

Tensor squeeze(const Tensor& x) {
  check_defined("squeeze", x);
  return record_reshape("squeeze", x, x.alias(x.layout().squeeze()));
}

Tensor squeeze(const Tensor& x, int dim) {
  check_defined("squeeze", x);
  return record_reshape("squeeze", x, x.alias(x.layout().squeeze("squeeze", dim)));
}

Tensor unsqueeze(const Tensor& x, int dim) {
  check_defined("unsqueeze", x);
  return record_reshape("unsqueeze", x, x.alias(x.layout().unsqueeze("unsqueeze", dim)));
}

Tensor select(const Tensor& x, int dim, int64_t i) {
  check_defined("select", x);
  return record_part("select", x, [dim, i](const Layout& l) { return l.select("select", dim, i); });
}

Tensor slice(const Tensor& x, int dim, int64_t start, int64_t stop, int64_t step) {
  check_defined("slice", x);
  return record_part("slice", x,
                     [=](const Layout& l) { return l.slice("slice", dim, start, stop, step); });
}

Tensor contiguous(const Tensor& x) {
  check_defined("contiguous", x);
  if (x.is_contiguous()) return grad_enabled() ? x : x.detach();
  return record("contiguous", copy_of(x), {x}, [](const Tensor& dy, Needs) { return Grads{dy}; });
}

Tensor clone(const Tensor& x) {
  check_defined("clone", x);
  return record("clone", copy_of(x), {x}, [](const Tensor& dy, Needs) { return Grads{dy}; });
}

Tensor pad(const Tensor& x, const std::vector<int64_t>& amounts, double value) {
  check_defined("pad", x);
  check(amounts.size() % 2 == 0 && amounts.size() <= 2 * size_t(x.dim()),
        "pad: expected pairs of amounts for at most ", x.dim(), " dimensions, got ", amounts.size(),
        " amounts");
  // inside(x) and inside(y) are the elements that both have.
  Dims shape = x.shape(), before = Dims::filled(x.dim(), 0), common = x.shape();
  for (size_t i = 0; i < amounts.size() / 2; ++i) {
    const int d = x.dim() - 1 - int(i);
    const int64_t lo = amounts[2 * i], hi = amounts[2 * i + 1];
    shape[d] += lo + hi;
    check(shape[d] >= 0, "pad: amounts (", lo, ", ", hi, ") cut more than dimension ", d,
          " of shape ", x.shape());
    before[d] = lo;
    common[d] =
        std::max<int64_t>(0, x.size(d) + std::min<int64_t>(lo, 0) + std::min<int64_t>(hi, 0));
  }
  const auto inside = [=](Layout l, int sign) {
    for (int d = 0; d < l.rank(); ++d) {
      l.offset += std::max<int64_t>(0, sign * before[d]) * l.strides[d];
      l.shape[d] = common[d];
    }
    return l;
  };
  Tensor y = full(shape, value, {.dtype = x.dtype(), .device = x.device()});
  copy_(y.alias(inside(y.layout(), 1)), x.alias(inside(x.layout(), -1)));
  return record("pad", y, {x}, [inside, common, from = x.shape()](const Tensor& dy, Needs) {
    const Tensor part = dy.alias(inside(dy.layout(), 1));
    if (common == from) return Grads{part};
    Tensor dx = zeros(from, {.dtype = dy.dtype(), .device = dy.device()});
    copy_(dx.alias(inside(dx.layout(), -1)), part);
    return Grads{dx};
  });
}

Tensor flip(const Tensor& x, const Dims& dims) {
  check_defined("flip", x);
  Dims wrapped;
  uint32_t seen = 0;
  for (int64_t dim : dims) {
    const int d = wrap_dim("flip", dim, x.dim());
    check(!(seen >> d & 1), "flip: dimension ", d, " appears twice in ", dims);
    seen |= 1u << d;
    wrapped.push_back(d);
  }
  return record("flip", flipped(x, wrapped), {x},
                [wrapped](const Tensor& dy, Needs) { return Grads{flipped(dy, wrapped)}; });
}

}  // namespace papilio
