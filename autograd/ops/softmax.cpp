#include "autograd/ops/softmax.h"

#include "autograd/ops/check.h"
#include "autograd/ops/pick.h"
#include "autograd/record.h"
#include "kernels/softmax.h"
#include "tensor/copy.h"
#include "tensor/creation.h"

namespace papilio {

Tensor softmax(const Tensor& x) {
  check_floating("softmax", x);
  check(x.dim() >= 1, "softmax: expected at least one dimension, got a 0-d tensor");
  Tensor y = empty_like(x);
  pick("softmax", x.device(), cpu::softmax)(view(y), view(contiguous_data(x)));
  return record("softmax", y, {x}, [y = y.detach()](const Tensor& dy, Needs) {
    Tensor dx = empty_like(y);
    pick("softmax", y.device(), cpu::softmax_backward)(view(dx), view(y),
                                                       view(contiguous_data(dy)));
    return Grads{dx};
  });
}

}  // namespace papilio
