#include "nn/data/transforms/crop.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tensor/error.h"

namespace papilio::nn {

namespace {

// Before the middle `want` of `have` pixels.
int64_t margin(int64_t have, int64_t want) {
  return int64_t(std::floor(double(have - want) / 2));
}

}  // namespace

Image crop(const Image& image, int64_t top, int64_t left, int64_t height, int64_t width,
           uint8_t fill) {
  check(height >= 1 && width >= 1, "crop: expected a height and a width >= 1, got ", height, 'x',
        width);
  const int64_t c = image.channels;
  Image out{width, height, c, std::vector<uint8_t>(size_t(height * width * c), fill)};
  const int64_t first = std::max<int64_t>(left, 0), last = std::min(left + width, image.width);
  if (first >= last) return out;
  for (int64_t y = std::max<int64_t>(top, 0); y < std::min(top + height, image.height); ++y) {
    const uint8_t* from = image.pixels.data() + (y * image.width + first) * c;
    std::copy_n(from, (last - first) * c,
                out.pixels.data() + ((y - top) * width + first - left) * c);
  }
  return out;
}

Image center_crop(const Image& image, int64_t height, int64_t width) {
  return crop(image, margin(image.height, height), margin(image.width, width), height, width);
}

Image resize_center_crop(const Image& image, const ImageSize& whole, int64_t height, int64_t width,
                         Interpolation interpolation) {
  const Window middle{std::max<int64_t>(margin(whole.height, height), 0),
                      std::max<int64_t>(margin(whole.width, width), 0),
                      std::min(height, whole.height), std::min(width, whole.width)};
  return center_crop(resize(image, whole.height, whole.width, interpolation, middle), height,
                     width);
}

Image hflip(const Image& image) {
  Image out = image;
  const int64_t c = image.channels;
  for (int64_t y = 0; y < image.height; ++y) {
    for (int64_t x = 0; x < image.width; ++x) {
      std::copy_n(image.pixels.data() + (y * image.width + x) * c, c,
                  out.pixels.data() + ((y + 1) * image.width - 1 - x) * c);
    }
  }
  return out;
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
