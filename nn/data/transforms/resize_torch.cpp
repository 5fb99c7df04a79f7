#include "nn/data/transforms/detail/resize_torch.h"

#include <algorithm>
#include <cmath>

#include "nn/data/transforms/detail/resize_passes.h"
#include "nn/data/transforms/detail/taps.h"
#include "tensor/error.h"

namespace papilio::nn {

namespace {

// "nearest-exact": the input at the output's middle, in float32.
std::vector<int64_t> nearest_places(int64_t in, const Range& out) {
  std::vector<int64_t> places;
  const float scale = float(in) / float(out.all);
  for (int64_t i = out.first; i < out.first + out.count; ++i)
    places.push_back(std::min(int64_t(std::floor((float(i) + 0.5F) * scale)), in - 1));
  return places;
}

// As many bits as let the largest weight of the whole axis fit 16.
int weight_bits(int64_t in, int64_t all, Interpolation interpolation) {
  constexpr int64_t kAtOnce = 4096;  // a window's axis may be far longer than memory
  double largest = 0;
  for (int64_t i = 0; i < all; i += kAtOnce) {
    for (const Taps<double>& t :
         filter_taps<double>(in, {i, std::min(kAtOnce, all - i), all}, interpolation))
      for (const double w : t.weights) largest = std::max(largest, w);
  }
  int bits = 0;
  while (bits < 22 && int(0.5 + largest * (2 << bits)) < 1 << 15) ++bits;
  return bits;
}

// One axis: its weights and sums.
struct WholeAxis {
  std::vector<Taps<int32_t>> taps;
  WholeSums sums;

  WholeAxis(int64_t in, const Range& out, Interpolation interpolation)
      : sums{weight_bits(in, out.all, interpolation)} {
    taps = whole_taps(filter_taps<double>(in, out, interpolation), sums.bits);
  }
};

struct FloatAxis {
  std::vector<Taps<float>> taps;
  FloatSums sums;

  FloatAxis(int64_t in, const Range& out, Interpolation interpolation)
      : taps(filter_taps<float>(in, out, interpolation)) {}
};

template <class Axis, class Picture>
Picture resized(const Picture& image, const Ranges& out, Interpolation interpolation) {
  check(interpolation != Interpolation::box && interpolation != Interpolation::hamming,
        "resize: PyTorch has no ", interpolation_name(interpolation));
  if (interpolation == Interpolation::nearest) {
    return picked(image, nearest_places(image.height, out.rows),
                  nearest_places(image.width, out.columns));
  }
  Picture wide = image;
  if (!out.columns.keeps(image.width)) {
    const Axis across(image.width, out.columns, interpolation);
    wide = with_columns(image, across.taps, across.sums);
  }
  if (out.rows.keeps(image.height)) return wide;
  const Axis down(image.height, out.rows, interpolation);
  return with_rows(wide, down.taps, down.sums);
}

}  // namespace

Image resize_torch(const Image& image, int64_t height, int64_t width, Interpolation interpolation,
                   const Window& window) {
  return resized<WholeAxis>(image, ranges_of(height, width, window), interpolation);
}

FloatImage resize_torch(const FloatImage& image, int64_t height, int64_t width,
                        Interpolation interpolation, const Window& window) {
  return resized<FloatAxis>(image, ranges_of(height, width, window), interpolation);
}

}  // namespace papilio::nn
