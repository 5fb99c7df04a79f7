#include "autograd/ops/log_softmax.h"

#include <cstdint>

#include "autograd/autocast.h"
#include "autograd/ops/detail/along_rows.h"
#include "autograd/ops/detail/check.h"
#include "autograd/record.h"
#include "kernels/softmax.h"
#include "tensor/pick.h"

namespace papilio {

Tensor log_softmax(const Tensor& input, int64_t dim) {
  const Tensor x = autocast::to_float32(input);
  check_floating("log_softmax", x);
  check(x.dim() >= 1, "log_softmax: expected at least one dimension, got a 0-d tensor");
  const int d = wrap_dim("log_softmax", dim, x.dim());
  const Tensor rows = rows_along(x, d);
  const Tensor y = empty_like(rows);
  pick(x.device(), cpu::log_softmax, cuda::log_softmax)(view(y), view(rows));
  return record("log_softmax", from_rows(y, d), {x}, [y, d](const Tensor& dy, Needs) {
    const Tensor dx = empty_like(y);
    pick(y.device(), cpu::log_softmax_backward, cuda::log_softmax_backward)(
        view(dx), view(y), view(rows_along(dy, d)));
    return Grads{from_rows(dx, d)};
  });
}

}  // namespace papilio
