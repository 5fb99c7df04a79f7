#include "autograd/ops/dropout.h"

#include <cstdint>
#include <span>

#include "autograd/ops/detail/check.h"
#include "autograd/record.h"
#include "autograd/saved.h"
#include "kernels/dropout.h"
#include "tensor/copy.h"
#include "tensor/pick.h"

namespace papilio {

Tensor dropout(const Tensor& x, double p, bool training, Generator& g) {
  check_floating("dropout", x);
  check(p >= 0 && p <= 1, "dropout: expected p in [0, 1], got ", p);
  if (!training || p == 0) return x;
  const uint64_t seed = g.seed(), offset = g.reserve(uint64_t(x.numel()));
  const auto apply = [=](const Tensor& from) {
    const Tensor to = empty(from.shape(), {.dtype = from.dtype(), .device = from.device()});
    pick(from.device(), cpu::dropout, cuda::dropout)(view(to), view(contiguous_data(from)), p, seed,
                                                     offset);
    return to;
  };
  const Tensor y = record("dropout", apply(x), {x},
                          [apply](const Tensor& dy, Needs) { return Grads{apply(dy)}; });
  if (is_kept(x, y))
    offer_remake(y, {x}, [apply](std::span<const Tensor> in) { return apply(in[0]); });
  return y;
}

}  // namespace papilio
