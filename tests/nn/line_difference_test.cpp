#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "nn/detail/line_difference.h"

using papilio::nn::line_difference;

TEST_CASE("line_difference: lines are compared by their keys, wherever they stand") {
  const auto of = [](const std::string& own, const std::string& other) {
    const auto found = line_difference(own, other);
    return found ? std::pair(found->own, found->other) : std::pair<std::string, std::string>();
  };
  using Pair = std::pair<std::string, std::string>;
  CHECK(!line_difference("a = 1\nb = 2\n", "a = 1\nb = 2"));
  CHECK(of("a = 1\nb = 3\n", "a = 1\nb = 2\n") == Pair("b = 3", "b = 2"));
  // A line that one of them has besides shifts no other.
  CHECK(of("a = 1\nc = 5\nb = 2\n", "a = 1\nb = 2\n") == Pair("c = 5", ""));
  CHECK(of("a = 1\nb = 2\n", "a = 1\nc = 5\nb = 2\n") == Pair("", "c = 5"));
  CHECK(of("layer.weight: float32 (2, 3)\n", "layer.weight: float32 (3, 2)\n") ==
        Pair("layer.weight: float32 (2, 3)", "layer.weight: float32 (3, 2)"));
  // Lines without a key, by their place.
  CHECK(of("one thing, and = that\n", "another: of two\n").first == "one thing, and = that");
  CHECK(of("OpenBLAS 1\n", "OpenBLAS 2\n") == Pair("OpenBLAS 1", "OpenBLAS 2"));
  CHECK(of("b = 2\na = 1\n", "a = 1\nb = 2\n") == Pair("b = 2", "a = 1"));
  CHECK(of("", "a = 1\n") == Pair("", "a = 1"));
}
