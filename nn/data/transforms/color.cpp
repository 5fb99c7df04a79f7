#include "nn/data/transforms/color.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

namespace papilio::nn {

namespace {

using Table = std::array<uint8_t, 256>;

// from + factor (to - from), cut to 8 bits. The product is exact.
uint8_t blended(int from, int to, double factor) {
  const auto value = float(from + factor * (to - from));
  return uint8_t(int(std::min(std::max(value, 0.0f), 255.0f)));
}

// out + factor (image - out)
Image blend(Image out, const Image& image, float factor) {
  const auto f = double(factor);
  for (size_t i = 0; i < out.pixels.size(); ++i)
    out.pixels[i] = blended(out.pixels[i], image.pixels[i], f);
  return out;
}

// The same if `out` has one value everywhere.
Image blend(uint8_t out, Image image, float factor) {
  Table table;
  for (int v = 0; v < 256; ++v) table[size_t(v)] = blended(out, v, double(factor));
  for (uint8_t& value : image.pixels) value = table[value];
  return image;
}

using Histogram = std::array<int64_t, 256>;

// Each channel through the table that make() gives for its histogram.
template <class Make>
Image by_channel(Image image, Make&& make) {
  for (int64_t c = 0; c < image.channels; ++c) {
    Histogram histogram{};
    const auto step = size_t(image.channels);
    for (size_t i = size_t(c); i < image.pixels.size(); i += step) ++histogram[image.pixels[i]];
    const Table table = make(histogram);
    for (size_t i = size_t(c); i < image.pixels.size(); i += step)
      image.pixels[i] = table[image.pixels[i]];
  }
  return image;
}

Table identity() {
  Table table;
  std::iota(table.begin(), table.end(), uint8_t(0));
  return table;
}

Table stretched(const Histogram& histogram) {
  Table table = identity();
  int low = 0, high = 255;
  while (low < 255 && histogram[size_t(low)] == 0) ++low;
  while (high > 0 && histogram[size_t(high)] == 0) --high;
  if (high <= low) return table;
  const double scale = 255.0 / (high - low), offset = -low * scale;
  for (int i = 0; i < 256; ++i) {
    const volatile double scaled = i * scale;  // rounded here, as in Pillow: not part of an FMA
    table[size_t(i)] = uint8_t(std::clamp(int(scaled + offset), 0, 255));
  }
  return table;
}

Table equalized(const Histogram& histogram) {
  Table table = identity();
  const int64_t all = std::accumulate(histogram.begin(), histogram.end(), int64_t(0));
  const auto last = std::find_if(histogram.rbegin(), histogram.rend(), [](int64_t n) { return n; });
  const int64_t step = last == histogram.rend() ? 0 : (all - *last) / 255;
  if (step == 0) return table;
  int64_t n = step / 2;
  for (size_t i = 0; i < 256; ++i) {
    table[i] = uint8_t(std::min<int64_t>(n / step, 255));
    n += histogram[i];
  }
  return table;
}

// The 3x3 mean with the middle counted five times; the border stays.
Image smoothed(const Image& image) {
  Image out = image;
  const int64_t c = image.channels, row = image.width * c;
  for (int64_t y = 1; y + 1 < image.height; ++y) {
    const uint8_t *middle = image.pixels.data() + y * row, *above = middle - row,
                  *below = middle + row;
    uint8_t* to = out.pixels.data() + y * row;
    for (int64_t x = c; x + c < row; ++x) {
      const int sum = above[x - c] + above[x] + above[x + c] + middle[x - c] + 5 * middle[x] +
                      middle[x + c] + below[x - c] + below[x] + below[x + c];
      to[x] = uint8_t((2 * sum + 13) / 26);
    }
  }
  return out;
}

}  // namespace

Image adjust_brightness(const Image& image, double factor) {
  return blend(0, image, float(factor));
}

Image adjust_color(const Image& image, double factor) {
  return blend(with_channels(with_channels(image, 1), image.channels), image, float(factor));
}

Image adjust_contrast(const Image& image, double factor) {
  const Image grey = with_channels(image, 1);
  const auto sum = double(std::accumulate(grey.pixels.begin(), grey.pixels.end(), int64_t(0)));
  return blend(uint8_t(sum / double(grey.pixels.size()) + 0.5), image, float(factor));
}

Image adjust_sharpness(const Image& image, double factor) {
  return blend(smoothed(image), image, float(factor));
}

Image posterize(const Image& image, int bits) {
  Image out = image;
  for (uint8_t& value : out.pixels) value = uint8_t(value & (0xff00 >> bits));
  return out;
}

Image solarize(const Image& image, double threshold) {
  Image out = image;
  for (uint8_t& value : out.pixels) {
    if (value >= threshold) value = uint8_t(255 - value);
  }
  return out;
}

Image autocontrast(const Image& image) {
  return by_channel(image, stretched);
}

Image equalize(const Image& image) {
  return by_channel(image, equalized);
}

}  // namespace papilio::nn
