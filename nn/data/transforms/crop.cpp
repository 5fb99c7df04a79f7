#include "nn/data/transforms/crop.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "nn/data/transforms/detail/cut_out.h"
#include "tensor/error.h"

namespace papilio::nn {

Image crop(const Image& image, int64_t top, int64_t left, int64_t height, int64_t width,
           uint8_t fill) {
  check(height >= 1 && width >= 1, "crop: expected a height and a width >= 1, got ", height, 'x',
        width);
  return cut_out(image, top, left, height, width, fill);
}

int64_t center_margin(int64_t have, int64_t want, CropRounding rounding) {
  const int64_t spare = have - want, half = spare / 2;
  if (spare % 2 == 0) return half;
  if (rounding == CropRounding::half_even && spare > 0) return half + half % 2;
  return rounding == CropRounding::down && spare < 0 ? half - 1 : half;
}

Image center_crop(const Image& image, int64_t height, int64_t width, CropRounding rounding) {
  return crop(image, center_margin(image.height, height, rounding),
              center_margin(image.width, width, rounding), height, width);
}

Window center_window(const ImageSize& size, int64_t height, int64_t width, CropRounding rounding) {
  return {std::max<int64_t>(center_margin(size.height, height, rounding), 0),
          std::max<int64_t>(center_margin(size.width, width, rounding), 0),
          std::min(height, size.height), std::min(width, size.width)};
}

namespace {

// One channel count at compile time, so that a pixel is a copy of so many bytes.
template <int C>
void reverse_rows(Image& image) {
  for (int64_t y = 0; y < image.height; ++y) {
    uint8_t* left = image.pixels.data() + y * image.width * C;
    uint8_t* right = left + (image.width - 1) * C;
    for (; left < right; left += C, right -= C) std::swap_ranges(left, left + C, right);
  }
}

}  // namespace

Image hflip(Image image) {
  image.channels == 1 ? reverse_rows<1>(image) : reverse_rows<3>(image);
  return image;
}

Image random_crop(const Image& image, int64_t height, int64_t width, int64_t padding, Draw& draw) {
  const auto place = [&](int64_t have, int64_t want) {
    const int64_t spare = have + 2 * padding - want;
    return draw.integer(std::min<int64_t>(spare, 0), std::max<int64_t>(spare, 0) + 1) - padding;
  };
  const int64_t top = place(image.height, height), left = place(image.width, width);
  return crop(image, top, left, height, width);
}

Image RandomResizedCrop::operator()(const Image& image, int64_t height, int64_t width,
                                    Interpolation interpolation, Draw& draw) const {
  const auto area = double(image.height * image.width);
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double target = area * draw.uniform(min_scale, max_scale),
                 ratio = std::exp(draw.uniform(std::log(min_ratio), std::log(max_ratio)));
    const int64_t w = std::llrint(std::sqrt(target * ratio)),
                  h = std::llrint(std::sqrt(target / ratio));
    if (w < 1 || w > image.width || h < 1 || h > image.height) continue;
    const int64_t top = draw.integer(0, image.height - h + 1),
                  left = draw.integer(0, image.width - w + 1);
    return resize(crop(image, top, left, h, w), height, width, interpolation);
  }
  const double ratio = double(image.width) / double(image.height);
  int64_t w = image.width, h = image.height;
  if (ratio < min_ratio)
    h = std::clamp<int64_t>(std::llrint(double(w) / min_ratio), 1, h);
  else if (ratio > max_ratio)
    w = std::clamp<int64_t>(std::llrint(double(h) * max_ratio), 1, w);
  return resize(crop(image, (image.height - h) / 2, (image.width - w) / 2, h, w), height, width,
                interpolation);
}

}  // namespace papilio::nn
