// RandAugment. Cubuk, Zoph, Shlens, Le: "RandAugment: practical automated data augmentation with a
// reduced search space" (arXiv 1909.13719), with torchvision's fourteen operations and ranges.
#pragma once

#include <array>
#include <cstdint>

#include "nn/data/formats/image.h"
#include "nn/data/transforms/draw.h"

namespace papilio::nn {

// out(x, y) = image(m0 x + m1 y + m2, m3 x + m4 y + m5), the nearest pixel, x and y at pixels'
// middles; `fill` from outside. Coordinates are whole numbers of 2^-16, as Pillow's.
Image affine(const Image& image, const std::array<double, 6>& matrix, uint8_t fill = 0);
// Counter-clockwise, about the middle.
Image rotate(const Image& image, double degrees, uint8_t fill = 0);

// The operations, in the order of torchvision.
enum class AugmentOp {
  identity,
  shear_x,
  shear_y,
  translate_x,
  translate_y,
  rotate,
  brightness,
  color,
  contrast,
  sharpness,
  posterize,
  solarize,
  autocontrast,
  equalize
};
constexpr int kAugmentOps = 14;

// RandAugment (arXiv 1909.13719) with the names and defaults of torchvision.
struct RandAugment {
  int64_t num_ops = 2;    // operations on an image; 0 leaves it alone
  int64_t magnitude = 9;  // their strength, 0 to num_magnitude_bins - 1
  int64_t num_magnitude_bins = 31;
  uint8_t fill = 0;

  // The image after num_ops operations, drawn from `draw`.
  Image operator()(const Image& image, Draw& draw) const;
  // One operation; `negative` for those that go both ways.
  Image apply(const Image& image, AugmentOp op, bool negative) const;
};

}  // namespace papilio::nn
