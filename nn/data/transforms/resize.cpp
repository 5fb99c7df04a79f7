#include "nn/data/transforms/resize.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <vector>

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

double sinc(double x) {
  return x == 0 ? 1 : std::sin(std::numbers::pi * x) / (std::numbers::pi * x);
}

// The filter at x, and how far it reaches.
double filter(Interpolation interpolation, double at) {
  const double x = std::abs(at);
  switch (interpolation) {
    case Interpolation::lanczos:
      return x < 3 ? sinc(x) * sinc(x / 3) : 0;
    case Interpolation::bicubic:
      if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
      return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
    case Interpolation::box:
      return at > -0.5 && at <= 0.5 ? 1 : 0;
    case Interpolation::hamming:
      return x < 1 ? sinc(x) * (0.54 + 0.46 * std::cos(std::numbers::pi * x)) : 0;
    default:
      return x < 1 ? 1 - x : 0;
  }
}

double reach(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::lanczos:
      return 3;
    case Interpolation::bicubic:
      return 2;
    case Interpolation::box:
      return 0.5;
    default:
      return 1;
  }
}

// Weights are whole numbers of 2^-22, so that a sum of 8-bit values fits 32 bits.
constexpr int kBits = 22;

// Output i is the sum of weights[k] * input[begin + k].
struct Taps {
  int64_t begin;
  std::vector<int32_t> weights;
};

// Where outputs lie: `count` from `first` on, of `all` that the whole input becomes.
struct Range {
  int64_t first, count, all;

  bool keeps(int64_t in) const { return first == 0 && count == in && all == in; }
};

std::vector<Taps> taps_of(int64_t in, const Range& out, Interpolation interpolation) {
  const double scale = double(in) / double(out.all), stretch = std::max(scale, 1.0),
               support = reach(interpolation) * stretch;
  std::vector<Taps> all;
  all.reserve(size_t(out.count));
  std::vector<double> weights;
  for (int64_t i = out.first; i < out.first + out.count; ++i) {
    const double center = (double(i) + 0.5) * scale;
    const int64_t begin = std::max<int64_t>(int64_t(center - support + 0.5), 0),
                  end = std::min(int64_t(center + support + 0.5), in);
    weights.clear();
    double sum = 0;
    for (int64_t k = begin; k < end; ++k) {
      weights.push_back(filter(interpolation, (double(k) - center + 0.5) * (1 / stretch)));
      sum += weights.back();
    }
    Taps& taps = all.emplace_back(Taps{begin, {}});
    for (double w : weights) {
      if (sum != 0) w /= sum;
      taps.weights.push_back(int32_t((w < 0 ? -0.5 : 0.5) + w * (1 << kBits)));
    }
  }
  return all;
}

uint8_t rounded(int32_t sum) {
  return uint8_t(std::clamp(sum >> kBits, 0, 255));
}

// One channel count at compile time, so that the sums stay in registers.
template <int C>
void resize_rows(const Image& in, Image& out, const std::vector<Taps>& taps) {
  for (int64_t y = 0; y < in.height; ++y) {
    const uint8_t* row = in.pixels.data() + y * in.width * C;
    uint8_t* to = out.pixels.data() + y * out.width * C;
    for (const Taps& t : taps) {
      int32_t sum[C];
      std::fill_n(sum, C, 1 << (kBits - 1));
      const uint8_t* from = row + t.begin * C;
      for (int32_t w : t.weights) {
        for (int c = 0; c < C; ++c) sum[c] += w * *from++;
      }
      for (int c = 0; c < C; ++c) *to++ = rounded(sum[c]);
    }
  }
}

Image with_columns(const Image& in, const Range& columns, Interpolation interpolation) {
  if (columns.keeps(in.width)) return in;
  Image out{columns.count, in.height, in.channels, {}};
  out.pixels.resize(size_t(out.width * out.height * out.channels));
  const std::vector<Taps> taps = taps_of(in.width, columns, interpolation);
  in.channels == 1 ? resize_rows<1>(in, out, taps) : resize_rows<3>(in, out, taps);
  return out;
}

Image with_rows(const Image& in, const Range& rows, Interpolation interpolation) {
  if (rows.keeps(in.height)) return in;
  const int64_t row = in.width * in.channels;
  Image out{in.width, rows.count, in.channels, {}};
  out.pixels.resize(size_t(row * rows.count));
  std::vector<int32_t> sums;
  uint8_t* to = out.pixels.data();
  for (const Taps& t : taps_of(in.height, rows, interpolation)) {
    sums.assign(size_t(row), 1 << (kBits - 1));
    const uint8_t* from = in.pixels.data() + t.begin * row;
    for (int32_t w : t.weights) {
      for (int64_t x = 0; x < row; ++x) sums[size_t(x)] += w * from[x];
      from += row;
    }
    to = std::ranges::transform(sums, to, rounded).out;
  }
  return out;
}

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

Image nearest(const Image& in, const Range& rows, const Range& columns) {
  Image out{columns.count, rows.count, in.channels, {}};
  out.pixels.reserve(size_t(rows.count * columns.count * in.channels));
  const std::vector<int64_t> across = nearest_places(in.width, columns);
  for (const int64_t row : nearest_places(in.height, rows)) {
    for (const int64_t column : across) {
      const auto from = in.pixels.begin() + (row * in.width + column) * in.channels;
      out.pixels.insert(out.pixels.end(), from, from + in.channels);
    }
  }
  return out;
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
  check(height >= 1 && width >= 1, "resize: expected a height and a width >= 1, got ", height, 'x',
        width);
  const Range rows{window.top, window.height, height}, columns{window.left, window.width, width};
  for (const Range& r : {rows, columns}) {
    check(r.first >= 0 && r.count >= 1 && r.first + r.count <= r.all,
          "resize: expected a window inside the image of ", height, 'x', width, ", got ",
          window.height, 'x', window.width, " from ", window.top, ", ", window.left, " on");
  }
  if (interpolation == Interpolation::nearest) return nearest(image, rows, columns);
  const int64_t fewer_rows = image.height - height, fewer_columns = image.width - width;
  if (fewer_rows > 0 && fewer_rows > 2 * fewer_columns)  // the cheaper order there
    return with_columns(with_rows(image, rows, interpolation), columns, interpolation);
  return with_rows(with_columns(image, columns, interpolation), rows, interpolation);
}

ImageSize shortest_edge_size(const Image& image, int64_t size) {
  const bool wide = image.width >= image.height;
  const int64_t shorter = wide ? image.height : image.width,
                longer = wide ? image.width : image.height,
                other = std::max<int64_t>(size * longer / shorter, 1);
  return wide ? ImageSize{size, other} : ImageSize{other, size};
}

Image resize_shortest_edge(const Image& image, int64_t size, Interpolation interpolation) {
  const auto [height, width] = shortest_edge_size(image, size);
  return resize(image, height, width, interpolation);
}

}  // namespace papilio::nn
