// The picture of a butterfly.
#include "samples/report/pages/butterfly.h"

#include <doctest/doctest.h>

#include <stdexcept>

#include "tests/samples/report/markup.h"

namespace papilio::test {

using namespace report;

TEST_CASE("the butterfly joins half-blocks that lie 2^i apart") {
  CHECK(lower_half_block(5, 0) == 10);
  CHECK(lower_half_block(5, 1) == 9);
  CHECK(lower_half_block(5, 2) == 9);
  CHECK(lower_half_block(3, 3) == 3);
  for (const ButterflyPicture& shape :
       {ButterflyPicture{32, 4, 4}, {64, 8, 2}, {21, 3, 1}, {768, 8, 2}}) {
    CHECK_MESSAGE(complaint(draw_butterfly(shape)).empty(), complaint(draw_butterfly(shape)));
  }
  CHECK_THROWS_AS(draw_butterfly({24, 4, 4}), std::invalid_argument);
}

}  // namespace papilio::test
