#include "kernels/cpu/nearest_code.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/quantize.h"

namespace papilio::test {

TEST_CASE("nearest code: the number of bounds below x, for both dynamic maps") {
  for (const bool is_signed : {true, false}) {
    CAPTURE(is_signed);
    std::vector<float> map(256), bounds;
    cpu::dynamic_table({map.data(), DType::float32, 1, {256}, {1}}, is_signed);
    CHECK(std::ranges::is_sorted(map));
    for (size_t i = 0; i < 255; ++i) bounds.push_back((map[i] + map[i + 1]) / 2);
    const cpu::NearestCode nearest({map.data(), DType::float32, 1, {256}, {1}});
    int64_t wrong = 0;
    const auto check = [&](float x) {
      const auto want = std::ranges::lower_bound(bounds, x) - bounds.begin();
      wrong += int64_t(nearest(x)) != want;
    };
    for (const float value : map) CHECK(map[nearest(value)] == value);
    for (const float bound : bounds) {  // halfway it is the lower one
      check(bound);
      for (const float side : {-2.0F, 2.0F}) check(std::nextafter(bound, side));
    }
    for (uint32_t bits = 0; bits <= std::bit_cast<uint32_t>(1.0F); bits += 977) {
      check(std::bit_cast<float>(bits));
      check(-std::bit_cast<float>(bits));
    }
    for (const float x : {0.0F, -0.0F, 1.0F, -1.0F, std::numeric_limits<float>::denorm_min()})
      check(x);
    CHECK(wrong == 0);
    CHECK(map[nearest(0)] == 0);
    static_cast<void>(nearest(std::numeric_limits<float>::quiet_NaN()));  // some code
  }
}

}  // namespace papilio::test
