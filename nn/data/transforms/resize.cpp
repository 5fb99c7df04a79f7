#include "nn/data/transforms/resize.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "nn/data/transforms/detail/resize_passes.h"
#include "nn/data/transforms/detail/taps.h"
#include "tensor/error.h"

namespace papilio::nn {

namespace {

struct Name {
  Interpolation interpolation;
  const char* name;
};
constexpr Name kNames[] = {
    {Interpolation::nearest, "nearest"},   {Interpolation::lanczos, "lanczos"},
    {Interpolation::bilinear, "bilinear"}, {Interpolation::bicubic, "bicubic"},
    {Interpolation::box, "box"},           {Interpolation::hamming, "hamming"}};

// So that a sum of 8-bit values fits 32 bits.
constexpr WholeSums kSums{22};

// The input's place of each output: the first is scale / 2, and scale is added in floating point,
// as Pillow does it (a product differs for some sizes).
std::vector<int64_t> nearest_places(int64_t in, const Range& out) {
  std::vector<int64_t> places;
  const double scale = double(in) / double(out.all);
  double at = scale * 0.5;
  for (int64_t i = 0; i < out.first + out.count; ++i, at += scale) {
    if (i >= out.first) places.push_back(std::min(int64_t(at), in - 1));
  }
  return places;
}

}  // namespace

Interpolation interpolation(const std::string& name) {
  for (const Name& n : kNames) {
    if (name == n.name) return n.interpolation;
  }
  throw ArgumentError(
      "interpolation: expected nearest, lanczos, bilinear, bicubic, box or hamming, got " + name);
}

const char* interpolation_name(Interpolation interpolation) {
  return kNames[size_t(interpolation)].name;
}

Image resize(const Image& image, int64_t height, int64_t width, Interpolation interpolation) {
  return resize(image, height, width, interpolation, {0, 0, height, width});
}

Image resize(const Image& image, int64_t height, int64_t width, Interpolation interpolation,
             const Window& window) {
  const Ranges out = ranges_of(height, width, window);
  const Range &rows = out.rows, &columns = out.columns;
  if (interpolation == Interpolation::nearest) {
    return picked(image, nearest_places(image.height, rows), nearest_places(image.width, columns));
  }
  const auto wide = [&](const Image& in) {
    if (columns.keeps(in.width)) return in;
    const auto taps = filter_taps<double>(in.width, columns, interpolation);
    return with_columns(in, whole_taps(taps, kSums.bits), kSums);
  };
  const auto high = [&](const Image& in) {
    if (rows.keeps(in.height)) return in;
    const auto taps = filter_taps<double>(in.height, rows, interpolation);
    return with_rows(in, whole_taps(taps, kSums.bits), kSums);
  };
  const int64_t fewer_rows = image.height - height, fewer_columns = image.width - width;
  if (fewer_rows > 0 && fewer_rows > 2 * fewer_columns) return wide(high(image));  // cheaper there
  return high(wide(image));
}

ImageSize shortest_edge_size(int64_t height, int64_t width, int64_t size) {
  const int64_t shorter = std::min(height, width), longer = std::max(height, width),
                other = std::max<int64_t>(size * longer / shorter, 1);
  return width >= height ? ImageSize{size, other} : ImageSize{other, size};
}

Image resize_shortest_edge(const Image& image, int64_t size, Interpolation interpolation) {
  const auto [height, width] = shortest_edge_size(image.height, image.width, size);
  return resize(image, height, width, interpolation);
}

}  // namespace papilio::nn
