#include "autograd/ops/dropout.h"

#include <algorithm>
#include <cstdint>
#include <span>

#include "autograd/ops/detail/check.h"
#include "autograd/record.h"
#include "autograd/saved.h"
#include "kernels/dropout.h"
#include "tensor/batch_rows.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {

namespace {

// The elements of y behind the first `lead`, in this shape.
Tensor after(const Tensor& y, int64_t lead, const Dims& shape) {
  Layout layout = Layout::contiguous(shape);
  layout.offset = lead;
  return y.alias(layout);
}

// x's elements behind `lead` zeros.
Tensor behind_zeros(const Tensor& x, int64_t lead) {
  Tensor y = zeros({lead + x.numel()}, {.dtype = x.dtype(), .device = x.device()});
  copy_(after(y, lead, x.shape()), x);
  return y;
}

}  // namespace

Tensor dropout(const Tensor& x, double p, bool training, Generator& g) {
  check_floating("dropout", x);
  check(p >= 0 && p <= 1, "dropout: expected p in [0, 1], got ", p);
  if (!training || p == 0) return x;
  // The mask begins at word `offset`, and `lead` words further on if x is a part of a batch:
  // kernels want a multiple of 4.
  const int64_t samples = x.dim() == 0 ? 1 : x.size(0),
                each = x.numel() / std::max<int64_t>(samples, 1);
  const BatchRows rows = drawn_rows(samples);
  const uint64_t seed = g.seed(),
                 first = g.reserve(uint64_t(rows.of * each)) + uint64_t(rows.first * each);
  const int64_t lead = int64_t(first % 4);
  const uint64_t offset = first - uint64_t(lead);
  const auto apply = [=](const Tensor& from) {
    const Tensor in = lead == 0 ? contiguous_data(from) : behind_zeros(from, lead);
    const Tensor to = empty(in.shape(), {.dtype = in.dtype(), .device = in.device()});
    pick(from.device(), cpu::dropout, cuda::dropout)(view(to), view(in), p, seed, offset);
    return lead == 0 ? to : copy_of(after(to, lead, from.shape()));
  };
  Tensor y = record("dropout", apply(x), {x},
                    [apply](const Tensor& dy, Needs) { return Grads{apply(dy)}; });
  if (is_kept(x, y))
    offer_remake(y, {x}, [apply](std::span<const Tensor> in) { return apply(in[0]); });
  return y;
}

}  // namespace papilio
