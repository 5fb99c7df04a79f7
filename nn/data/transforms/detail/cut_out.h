// The pixels of any picture: Image, FloatImage.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace papilio::nn {

// (height, width) pixels from (top, left) on; what lies outside the picture is `fill`.
template <class Picture>
Picture cut_out(const Picture& picture, int64_t top, int64_t left, int64_t height, int64_t width,
                uint8_t fill = 0) {
  const int64_t c = picture.channels;
  Picture out{width, height, c, {}};
  out.pixels.assign(size_t(height * width * c), fill);
  const int64_t first = std::max<int64_t>(left, 0), last = std::min(left + width, picture.width);
  if (first >= last) return out;
  for (int64_t y = std::max<int64_t>(top, 0); y < std::min(top + height, picture.height); ++y) {
    std::copy_n(picture.pixels.begin() + (y * picture.width + first) * c, (last - first) * c,
                out.pixels.begin() + ((y - top) * width + first - left) * c);
  }
  return out;
}

}  // namespace papilio::nn
