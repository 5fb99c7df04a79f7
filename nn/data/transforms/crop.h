// Crops and flips, as torchvision.transforms has them.
#pragma once

#include <cstdint>

#include "nn/data/formats/image.h"
#include "nn/data/transforms/draw.h"
#include "nn/data/transforms/resize.h"

namespace papilio::nn {

// (height, width) pixels from (top, left) on; what lies outside the image is `fill`.
Image crop(const Image& image, int64_t top, int64_t left, int64_t height, int64_t width,
           uint8_t fill = 0);
// Where the middle begins if the margin is no whole number. Of a crop wider than the image (by 3
// pixels, 1.5 on each side), `down` puts 2 before it, the others 1.
enum class CropRounding {
  down,         // Transformers' Pillow backend
  toward_zero,  // its torchvision backend
  half_even     // torchvision, and timm with it: 0.5 is 0, 1.5 is 2
};
// How many of `have` pixels lie before the middle `want`; negative if that is wider.
int64_t center_margin(int64_t have, int64_t want, CropRounding rounding);
// The middle; what lies outside the image is 0.
Image center_crop(const Image& image, int64_t height, int64_t width,
                  CropRounding rounding = CropRounding::down);
// The part of the middle that lies inside an image of this size: center_crop(resize(image, size),
// height, width) is that window of it, with zeros around. A picture of 16384x1 pixels with a
// shortest edge of 256 would need gigabytes as a whole.
Window center_window(const ImageSize& size, int64_t height, int64_t width,
                     CropRounding rounding = CropRounding::down);
Image hflip(Image image);

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
