#include "boft/ops/multiplicative_dropout.h"

#include "autograd/ops/check.h"
#include "autograd/record.h"
#include "tensor/copy.h"

namespace papilio {
namespace {

// Copies `value`, (b, b) or one element, into block n of factor i for every n in `blocks`.
void write_blocks(const Tensor& q, int64_t i, const std::vector<int64_t>& blocks,
                  const Tensor& value) {
  const Layout factor = q.layout().select("multiplicative_dropout", 0, i);
  for (const int64_t n : blocks)
    copy_(q.alias(factor.select("multiplicative_dropout", 0, n)), value);
}

}  // namespace

Tensor multiplicative_dropout(const Tensor& q, double p, bool training, Generator& generator) {
  check_floating("multiplicative_dropout", q, "q");
  check(q.dim() == 4 && q.size(2) == q.size(3) && q.size(0) > 0,
        "multiplicative_dropout: expected q of shape (m, N, b, b), got ", q.shape());
  check(p >= 0 && p <= 1, "multiplicative_dropout: expected p in [0, 1], got ", p);
  const int64_t n = q.size(1), count = int64_t(p * double(n));
  if (!training || count == 0) return q;

  const auto factor = randint(0, q.size(0), {1}, DType::int64, generator).item<int64_t>();
  auto blocks = randperm(n, generator).to_vector<int64_t>();
  blocks.resize(count);
  Tensor y = copy_of(q);
  write_blocks(y, factor, blocks, eye(q.size(2), {q.dtype(), q.device()}));
  return record("multiplicative_dropout", y, {q}, [factor, blocks](const Tensor& dy, Needs) {
    Tensor dq = copy_of(dy);
    write_blocks(dq, factor, blocks, scalar(0, {dq.dtype(), dq.device()}));
    return Grads{dq};
  });
}

}  // namespace papilio
