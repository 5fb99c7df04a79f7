// The drawn world with the repository's digits, for its tests.
#pragma once

#include <cstddef>
#include <cstdint>

#include "nn/data/formats/image.h"
#include "samples/papilio/demo/drawn_world.h"
#include "tests/nn/digits.h"

namespace papilio::test {

inline const demo::DrawnWorld& world() {
  static const demo::DrawnWorld drawn(digits());
  return drawn;
}

// One pixel of an RGB picture.
inline demo::Rgb pixel(const nn::Image& image, int64_t row, int64_t col) {
  const uint8_t* p = &image.pixels[size_t((row * image.width + col) * 3)];
  return {p[0], p[1], p[2]};
}

}  // namespace papilio::test
