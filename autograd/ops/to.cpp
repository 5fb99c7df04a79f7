#include "autograd/ops/to.h"

#include "autograd/ops/detail/check.h"
#include "autograd/record.h"
#include "tensor/copy.h"

namespace papilio {

Tensor to(const Tensor& x, Device device) {
  check_defined("to", x);
  if (x.device() == device) return x;
  check_available("to", device);
  return record("to", copy_of(x, device), {x},
                [from = x.device()](const Tensor& dy, Needs) { return Grads{copy_of(dy, from)}; });
}

}  // namespace papilio
