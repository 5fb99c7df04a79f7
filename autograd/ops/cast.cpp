#include "autograd/ops/cast.h"

#include <span>

#include "autograd/ops/detail/check.h"
#include "autograd/record.h"
#include "autograd/saved.h"
#include "tensor/copy.h"

namespace papilio {

Tensor cast(const Tensor& x, DType dtype) {
  check_defined("cast", x);
  if (x.dtype() == dtype) return x;
  Tensor y = copy_of(x, dtype);
  if (!is_floating(dtype)) return y;
  Tensor result = record("cast", y, {x}, [from = x.dtype()](const Tensor& dy, Needs) {
    return Grads{copy_of(dy, from)};
  });
  if (is_kept(x, result))
    offer_remake(result, {x},
                 [dtype](std::span<const Tensor> in) { return copy_of(in[0], dtype); });
  return result;
}

}  // namespace papilio
