// PatchEmbed: an image as the tokens of its patches.
#pragma once

#include <cstdint>
#include <string>

#include "nn/layers/conv2d.h"

namespace papilio::nn {

// Cuts images into patches and projects each: (B, channels, H, W) -> (B, H/patch * W/patch,
// features). What is left over at the right and below is dropped.
struct PatchEmbed : Module {
  Conv2d projection;
  int64_t patch_size;

  PatchEmbed(int64_t channels, int64_t patch_size, int64_t features, bool with_bias = true);
  Tensor operator()(const Tensor& images);
  void visit(Visitor& v) override { v("projection", projection); }
  std::string describe() const override { return str("PatchEmbed(", patch_size, ")"); }
};

}  // namespace papilio::nn
