#include "nn/data/transforms/random_erasing.h"

#include <cmath>
#include <cstdint>

namespace papilio::nn {

void RandomErasing::operator()(float* image, int64_t channels, int64_t height, int64_t width,
                               Draw& draw) const {
  if (!draw.chance(p)) return;
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double area = double(height * width) * draw.uniform(min_scale, max_scale),
                 ratio = std::exp(draw.uniform(std::log(min_ratio), std::log(max_ratio)));
    const int64_t h = std::llrint(std::sqrt(area * ratio)),
                  w = std::llrint(std::sqrt(area / ratio));
    if (h < 1 || w < 1 || h >= height || w >= width) continue;
    const int64_t top = draw.integer(0, height - h + 1), left = draw.integer(0, width - w + 1);
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t y = top; y < top + h; ++y) {
        float* row = image + (c * height + y) * width + left;
        for (int64_t x = 0; x < w; ++x) row[x] = noise ? float(draw.normal()) : 0.0f;
      }
    }
    return;
  }
}

}  // namespace papilio::nn
