#include "tensor/draw_for_rows.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "tensor/batch_rows.h"
#include "tensor/random.h"

namespace papilio::test {

TEST_CASE("draw_for_rows: rows of a batch have their numbers of the whole batch's") {
  // One, and two, samples for each row.
  for (const int64_t each : {1, 2}) {
    const auto draw = [&](int64_t rows, Generator& generator) {
      return draw_for_rows({each * rows, 3},
                           [&](const Dims& shape) { return randn(shape, {}, generator); });
    };
    Generator whole(5);
    whole.reserve(8);
    const std::vector<float> want = draw(7, whole).to_vector();
    std::vector<float> got;
    for (const auto& [first, count] : {std::pair(0, 1), std::pair(1, 4), std::pair(5, 2)}) {
      Generator part(5);
      part.reserve(8);
      const DrawForRows rows({first, count, 7});
      const Tensor x = draw(count, part);
      CHECK(x.shape() == Dims{each * count, 3});
      CHECK(part.state() == whole.state());
      const std::vector<float> values = x.to_vector();
      got.insert(got.end(), values.begin(), values.end());
    }
    CHECK(got == want);
  }
}

TEST_CASE("draw_for_rows: what has no samples, or another number of them, is refused") {
  const auto ones_of = [](const Dims& shape) { return ones(shape); };
  CHECK_THROWS_WITH_AS(draw_for_rows({}, ones_of),
                       "random numbers for rows of a batch: expected a shape of (B, ...)",
                       ArgumentError);
  const DrawForRows rows({2, 4, 8});
  CHECK_THROWS_WITH_AS(
      draw_for_rows({6, 2}, ones_of),
      "random numbers for rows of a batch: expected a multiple of 4 samples, got 6", ArgumentError);
}

}  // namespace papilio::test
