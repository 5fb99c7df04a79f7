#include "nn/layers/upsample2d.h"

#include <cstdint>

#include "autograd/ops/upsample_nearest2d.h"

namespace papilio::nn {

Upsample2D::Upsample2D(int64_t channels) : conv(channels, channels, {3, 3}, {.padding = 1}) {}

Tensor Upsample2D::operator()(const Tensor& x, std::optional<Pair> size) {
  check(x.defined() && x.dim() == 4, "Upsample2D: expected x of shape (B, C, H, W)");
  return conv(upsample_nearest2d(x, size.value_or(Pair(2 * x.size(2), 2 * x.size(3)))));
}

void Upsample2D::visit(Visitor& v) {
  v("conv", conv);
}

}  // namespace papilio::nn
