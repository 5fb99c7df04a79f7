#include "nn/data/transforms/rand_augment.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "nn/data/formats/pixels.h"
#include "nn/data/transforms/color.h"

namespace papilio::nn {

namespace {

// One channel count at compile time, so that a pixel is a copy of so many bytes.
template <int64_t C>
Image moved(const Image& image, const std::array<double, 6>& m, uint8_t fill) {
  const auto fixed = [](double v) { return int64_t(std::floor(v * 65536 + 0.5)); };
  const int64_t dx = fixed(m[0]), dy = fixed(m[3]);
  int64_t x_row = fixed(m[2] + m[0] * 0.5 + m[1] * 0.5),
          y_row = fixed(m[5] + m[3] * 0.5 + m[4] * 0.5);
  Image out{image.width, image.height, C, Pixels(image.pixels.size(), fill)};
  uint8_t* to = out.pixels.data();
  for (int64_t y = 0; y < image.height; ++y) {
    int64_t u = x_row, v = y_row;
    for (int64_t x = 0; x < image.width; ++x, to += C, u += dx, v += dy) {
      const int64_t column = u >> 16, row = v >> 16;
      if (column < 0 || column >= image.width || row < 0 || row >= image.height) continue;
      std::copy_n(image.pixels.data() + (row * image.width + column) * C, C, to);
    }
    x_row += fixed(m[1]);
    y_row += fixed(m[4]);
  }
  return out;
}

}  // namespace

Image affine(const Image& image, const std::array<double, 6>& m, uint8_t fill) {
  return image.channels == 1 ? moved<1>(image, m, fill) : moved<3>(image, m, fill);
}

Image rotate(const Image& image, double degrees, uint8_t fill) {
  const double angle = -degrees * std::numbers::pi / 180, cos = std::cos(angle),
               sin = std::sin(angle), cx = double(image.width) / 2, cy = double(image.height) / 2;
  return affine(image, {cos, sin, cx - cos * cx - sin * cy, -sin, cos, cy + sin * cx - cos * cy},
                fill);
}

Image RandAugment::apply(const Image& image, AugmentOp op, bool negative) const {
  const double share = double(magnitude) / double(num_magnitude_bins - 1), sign = negative ? -1 : 1,
               factor = 1 + sign * 0.9 * share;
  const auto pixels = [&](int64_t size) {
    return std::trunc(sign * 150.0 / 331 * double(size) * share);
  };
  switch (op) {
    case AugmentOp::identity:
      return image;
    case AugmentOp::shear_x:
      return affine(image, {1, sign * 0.3 * share, 0, 0, 1, 0}, fill);
    case AugmentOp::shear_y:
      return affine(image, {1, 0, 0, sign * 0.3 * share, 1, 0}, fill);
    case AugmentOp::translate_x:
      return affine(image, {1, 0, -pixels(image.width), 0, 1, 0}, fill);
    case AugmentOp::translate_y:
      return affine(image, {1, 0, 0, 0, 1, -pixels(image.height)}, fill);
    case AugmentOp::rotate:
      return nn::rotate(image, sign * 30 * share, fill);
    case AugmentOp::brightness:
      return adjust_brightness(image, factor);
    case AugmentOp::color:
      return adjust_color(image, factor);
    case AugmentOp::contrast:
      return adjust_contrast(image, factor);
    case AugmentOp::sharpness:
      return adjust_sharpness(image, factor);
    case AugmentOp::posterize:
      return nn::posterize(image, 8 - int(std::rint(4 * share)));
    case AugmentOp::solarize:
      return nn::solarize(image, 255 * (1 - share));
    case AugmentOp::autocontrast:
      return nn::autocontrast(image);
    case AugmentOp::equalize:
      return nn::equalize(image);
  }
  return image;
}

Image RandAugment::operator()(const Image& image, Draw& draw) const {
  Image out = image;
  for (int64_t i = 0; i < num_ops; ++i) {
    const auto op = AugmentOp(draw.integer(0, kAugmentOps));
    out = apply(out, op, draw.chance(0.5));
  }
  return out;
}

}  // namespace papilio::nn
