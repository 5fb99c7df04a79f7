#include "autograd/ops/cast.h"

#include "autograd/ops/detail/check.h"
#include "autograd/record.h"
#include "tensor/copy.h"

namespace papilio {

Tensor cast(const Tensor& x, DType dtype) {
  check_defined("cast", x);
  if (x.dtype() == dtype) return x;
  const Tensor y = copy_of(x, dtype);
  if (!is_floating(dtype)) return y;
  return record("cast", y, {x},
                [from = x.dtype()](const Tensor& dy, Needs) { return Grads{copy_of(dy, from)}; });
}

}  // namespace papilio
