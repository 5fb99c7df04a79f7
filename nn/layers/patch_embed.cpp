#include "nn/layers/patch_embed.h"

#include <cstdint>

#include "autograd/ops/shape.h"

namespace papilio::nn {

PatchEmbed::PatchEmbed(int64_t channels, int64_t patch_size_, int64_t features, bool with_bias)
    : projection(channels, features, {patch_size_, patch_size_},
                 {.stride = {patch_size_, patch_size_}}, with_bias),
      patch_size(patch_size_) {}

Tensor PatchEmbed::operator()(const Tensor& images) {
  check(images.dim() == 4 && images.size(2) >= patch_size && images.size(3) >= patch_size,
        "PatchEmbed: expected images of shape (B, C, H, W) with H and W of at least ", patch_size,
        ", got ", images.shape());
  const Tensor y = projection(images);  // (B, D, H', W')
  return transpose(flatten(y, 2, 3), 1, 2);
}

}  // namespace papilio::nn
