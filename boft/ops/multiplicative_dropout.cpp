#include "boft/ops/multiplicative_dropout.h"

#include <cstdint>

#include "autograd/ops/detail/check.h"
#include "autograd/record.h"
#include "kernels/multiplicative_dropout.h"
#include "tensor/copy.h"
#include "tensor/pick.h"

namespace papilio {
namespace {

// A copy of q with diagonal I in the blocks `blocks` of one factor.
Tensor replaced(const Tensor& q, const Tensor& factor, const Tensor& blocks, double diagonal) {
  Tensor y = copy_of(q);
  pick(y.device(), cpu::replace_blocks, cuda::replace_blocks)(view(y), view(factor), view(blocks),
                                                              diagonal);
  return y;
}

}  // namespace

Tensor multiplicative_dropout(const Tensor& q, double p, bool training, Generator& generator) {
  check_floating("multiplicative_dropout", q, "q");
  check(q.dim() == 4 && q.size(2) == q.size(3) && q.size(0) > 0,
        "multiplicative_dropout: expected q of shape (m, N, b, b), got ", q.shape());
  check(p >= 0 && p <= 1, "multiplicative_dropout: expected p in [0, 1], got ", p);
  const int64_t n = q.size(1), count = int64_t(p * double(n));
  if (!training || count == 0) return q;

  // Drawn where they are used: nothing waits for them.
  const Tensor factor = randint(0, q.size(0), {1}, DType::int64, generator, q.device());
  const Tensor order = randperm(n, generator, q.device());
  const Tensor blocks = order.alias(order.layout().slice("multiplicative_dropout", 0, 0, count));
  return record(
      "multiplicative_dropout", replaced(q, factor, blocks, 1), {q},
      [factor, blocks](const Tensor& dy, Needs) { return Grads{replaced(dy, factor, blocks, 0)}; });
}

}  // namespace papilio
