#include "boft/ops/cayley.h"

#include "autograd/autocast.h"
#include "autograd/ops/detail/check.h"
#include "autograd/record.h"
#include "kernels/cayley.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {

Tensor cayley(const Tensor& parameters) {
  const Tensor r = autocast::to_float32(parameters);
  check_floating("cayley", r, "r");
  check(r.dim() >= 2 && r.size(-1) == r.size(-2), "cayley: expected r of shape (..., b, b), got ",
        r.shape());
  Tensor q = empty(r.shape(), {r.dtype(), r.device()});
  pick(r.device(), cpu::cayley, cuda::cayley)(view(q), view(contiguous_data(r)));
  return record("cayley", q, {r}, [q = q.detach()](const Tensor& dq, Needs) {
    Tensor dr = empty_like(q);
    pick(q.device(), cpu::cayley_backward, cuda::cayley_backward)(
        view(dr), view(contiguous_data(dq)), view(q));
    return Grads{dr};
  });
}

}  // namespace papilio
