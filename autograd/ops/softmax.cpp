#include "autograd/ops/softmax.h"

#include <cstdint>

#include "autograd/autocast.h"
#include "autograd/ops/detail/along_rows.h"
#include "autograd/ops/detail/check.h"
#include "autograd/record.h"
#include "autograd/saved.h"
#include "kernels/softmax.h"
#include "tensor/pick.h"

namespace papilio {

Tensor softmax(const Tensor& input, int64_t dim) {
  const Tensor x = autocast::to_float32(input);
  check_floating("softmax", x);
  check(x.dim() >= 1, "softmax: expected at least one dimension, got a 0-d tensor");
  const int d = wrap_dim("softmax", dim, x.dim());
  const Tensor rows = rows_along(x, d);
  const Tensor y = empty_like(rows);
  pick(x.device(), cpu::softmax, cuda::softmax)(view(y), view(rows));
  Tensor result = record("softmax", from_rows(y, d), {x}, [y, d](const Tensor& dy, Needs) {
    const Tensor dx = empty_like(y);
    pick(y.device(), cpu::softmax_backward, cuda::softmax_backward)(view(dx), view(y),
                                                                    view(rows_along(dy, d)));
    return Grads{from_rows(dx, d)};
  });
  mark_kept(result);
  return result;
}

}  // namespace papilio
