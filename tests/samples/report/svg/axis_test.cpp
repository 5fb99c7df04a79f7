// Axes: where their ends lie, and their ticks.
#include "samples/report/svg/axis.h"

#include <doctest/doctest.h>

#include <utility>
#include <vector>

namespace papilio::test {

using namespace report;

TEST_CASE("an axis whose data is one value: the end that is given stays") {
  Extent extent;
  extent.add(100);
  Scale to_100({.label = "%", .max = 100}, extent, 0.05);
  to_100.place(0, 1);
  CHECK(to_100(100) == doctest::Approx(1));
  CHECK(to_100(97) < 0.99);
  Scale from_100({.label = "%", .min = 100}, extent, 0.05);
  from_100.place(0, 1);
  CHECK(from_100(100) == doctest::Approx(0));
  Scale free({.label = "%"}, extent, 0.05);
  free.place(0, 1);
  CHECK(free(100) == doctest::Approx(0.5));
}

TEST_CASE("ticks are round numbers inside the range") {
  for (const auto& [low, high] : {std::pair{0.0, 1.0}, {-3.0, 7.0}, {1e-6, 3e-6}, {98.2, 99.1}}) {
    const std::vector<Tick> ticks = linear_ticks(low, high, 5);
    CHECK(ticks.size() >= 3);
    CHECK(ticks.size() <= 11);
    for (const Tick& tick : ticks) {
      CHECK(tick.value >= low - 1e-12);
      CHECK(tick.value <= high + 1e-12);
    }
  }
  CHECK(log_ticks(100, 1e6, 5).size() >= 3);
}

}  // namespace papilio::test
