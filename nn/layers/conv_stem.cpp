#include "nn/layers/conv_stem.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "autograd/ops/activation.h"
#include "autograd/ops/max_pool2d.h"
#include "autograd/ops/shape.h"
#include "tensor/copy.h"
#include "tensor/random.h"

namespace papilio::nn {

ConvStem::ConvStem(int64_t channels, int64_t layers, int64_t features) {
  constexpr int64_t kBetween = 64;
  check(layers >= 1, "ConvStem: expected at least 1 layer, got ", layers);
  layer.reserve(size_t(layers));
  for (int64_t i = 0; i < layers; ++i) {
    const int64_t in = i == 0 ? channels : kBetween, out = i + 1 == layers ? features : kBetween;
    layer.emplace_back(in, out, std::array<int64_t, 2>{3, 3}, Conv2dOptions{.padding = 1}, false);
  }
}

Tensor ConvStem::operator()(const Tensor& images) {
  const int64_t patch = int64_t(1) << layer.size();
  check(images.dim() == 4 && images.size(2) % patch == 0 && images.size(3) % patch == 0,
        "ConvStem: expected images of shape (B, C, H, W) with H and W multiples of ", patch,
        ", got ", images.shape());
  Tensor x = images;
  for (Conv2d& conv : layer)
    x = max_pool2d(relu(conv(x)), {.kernel_size = 3, .stride = 2, .padding = 1});
  return transpose(flatten(x, 2, 3), 1, 2);
}

double ConvStem::operations(int64_t image_size) const {
  double sum = 0;
  for (const Conv2d& conv : layer) {
    sum += 2 * double(image_size) * double(image_size) * double(conv.weight.numel());
    image_size /= 2;
  }
  return sum;
}

void ConvStem::reset() {
  for (Conv2d& conv : layer) {
    const int64_t fan_in = conv.weight.numel() / conv.weight.size(0);
    copy_(conv.weight.detach(), normal(conv.weight.shape(), 0, std::sqrt(2 / double(fan_in))));
  }
}

}  // namespace papilio::nn
