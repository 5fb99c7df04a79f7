// The code of the value nearest to x, of an ascending table of 256, in one comparison.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "kernels/view.h"

namespace papilio::cpu {

// Codes by the upper 16 bits of x in [-1, 1], of which no two bounds between values share any
// (kernels/adamw_8bit.h says of which tables that is true); magnitudes below 2^-24 are taken for
// that.
class NearestCode {
 public:
  explicit NearestCode(ConstView table) {
    const auto* values = table.as<float>();
    for (size_t i = 0; i + 1 < 256; ++i) bounds_[i] = (values[i] + values[i + 1]) / 2;
    bounds_[255] = 2;  // above all
    int32_t *positive = least_.data(), *negative = positive + kBuckets;
    for (int32_t k = 0; k < kBuckets; ++k) {
      const uint32_t bits = uint32_t(kFirst + k) << 16;
      positive[k] = below(std::bit_cast<float>(bits));
      negative[k] = below(-std::bit_cast<float>(bits | 0xffff));
    }
  }
  // What is beyond [-1, 1], or NaN, has some code too.
  uint8_t operator()(float x) const {
    const auto bits = std::bit_cast<uint32_t>(x);
    const auto magnitude = int32_t(bits << 1 >> 17);  // signed ones have minima in every SIMD
    const int32_t bucket = std::min(std::max(magnitude, kFirst), kFirst + kBuckets - 1) - kFirst;
    const int32_t least = least_.data()[bucket + int32_t(bits >> 31) * kBuckets];
    return uint8_t(least + int32_t(bounds_.data()[least] < x));
  }

 private:
  static constexpr int32_t kFirst = 0x3380, kBuckets = 0x3f80 - kFirst + 1;  // 2^-24 to 1

  // The number of bounds below x.
  int32_t below(float x) const {
    return int32_t(std::lower_bound(bounds_.begin(), bounds_.end() - 1, x) - bounds_.begin());
  }

  std::array<float, 256> bounds_;            // between code i and i + 1
  std::array<int32_t, 2 * kBuckets> least_;  // not bytes, which no instruction gathers
};

}  // namespace papilio::cpu
