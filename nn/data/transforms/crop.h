// Crops and flips, as torchvision.transforms has them.
#pragma once

#include <cstdint>

#include "nn/data/transforms/draw.h"
#include "nn/data/transforms/resize.h"

namespace papilio::nn {

// (height, width) pixels from (top, left) on; what lies outside the image is `fill`.
Image crop(const Image& image, int64_t top, int64_t left, int64_t height, int64_t width,
           uint8_t fill = 0);
// The middle; margins that are no whole number are rounded down, as Transformers has it
// (torchvision rounds them half to even).
Image center_crop(const Image& image, int64_t height, int64_t width);
// center_crop(resize(image, whole.height, whole.width, interpolation), height, width), at the cost
// of what is left: a picture of 16384x1 pixels with a shortest edge of 256 would need gigabytes.
Image resize_center_crop(const Image& image, const ImageSize& whole, int64_t height, int64_t width,
                         Interpolation interpolation);
Image hflip(const Image& image);

// RandomCrop(size, padding): `padding` pixels of 0 on all sides, then a place drawn at random. An
// image smaller than the crop lies anywhere in it.
Image random_crop(const Image& image, int64_t height, int64_t width, int64_t padding, Draw& draw);

// RandomResizedCrop: a part of the image with a share of its area in [min_scale, max_scale] and
// width over height in [min_ratio, max_ratio] (log-uniform), resized. The middle if ten draws do
// not fit.
struct RandomResizedCrop {
  double min_scale = 0.08, max_scale = 1, min_ratio = 3.0 / 4, max_ratio = 4.0 / 3;
  Image operator()(const Image& image, int64_t height, int64_t width, Interpolation interpolation,
                   Draw& draw) const;
};

}  // namespace papilio::nn
