#include <doctest/doctest.h>

#include "nn/detail/text_table.h"

namespace papilio {

TEST_CASE("a table's columns are as wide as their widest entry, names left and numbers right") {
  CHECK(nn::table({{"layer", "ms"}, {"a", "1.25"}, {"query", "13"}}) ==
        "layer    ms\na      1.25\nquery    13\n");
}

TEST_CASE("numbers have commas, and one of a thing is no plural") {
  CHECK(nn::with_commas(0) == "0");
  CHECK(nn::with_commas(999) == "999");
  CHECK(nn::with_commas(1000) == "1,000");
  CHECK(nn::with_commas(1234567) == "1,234,567");
  CHECK(nn::counted(0, "picture") == "0 pictures");
  CHECK(nn::counted(1, "picture") == "1 picture");
  CHECK(nn::counted(1200, "picture") == "1,200 pictures");
}

TEST_CASE("a list names the first ones and counts the others") {
  CHECK(nn::listed({"a", "b", "c"}) == "a, b, c");
  CHECK(nn::listed({"a", "b", "c"}, 3) == "a, b, c");
  CHECK(nn::listed({"a", "b", "c", "d"}, 2) == "a, b and 2 more");
  CHECK(nn::listed({}) == "");
}

}  // namespace papilio
