#include "nn/layers/downsample2d.h"

#include <cstdint>

#include "autograd/ops/shape.h"

namespace papilio::nn {

Downsample2D::Downsample2D(int64_t channels, int64_t padding)
    : conv(channels, channels, {3, 3}, {.stride = 2, .padding = padding}) {
  check(padding >= 0, "Downsample2D: expected a padding of at least 0, got ", padding);
}

Tensor Downsample2D::operator()(const Tensor& x) {
  return conv(conv.options.padding == Pair(0) ? pad(x, {0, 1, 0, 1}) : x);
}

void Downsample2D::visit(Visitor& v) {
  v("conv", conv);
}

}  // namespace papilio::nn
