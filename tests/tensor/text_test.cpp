#include "tensor/text.h"

#include <doctest/doctest.h>

#include <list>
#include <set>
#include <string>
#include <vector>

#include "tensor/dims.h"

using namespace papilio;

TEST_CASE("joined: what streams, in order, with the separator between two") {
  CHECK(joined(std::vector<std::string>{}, ", ").empty());
  CHECK(joined(std::vector<std::string>{"a"}, ", ") == "a");
  CHECK(joined(std::vector<std::string>{"a", "", "c"}, ", ") == "a, , c");
  CHECK(joined(std::set<int>{3, 1, 2}, "") == "123");
  CHECK(joined(std::list<double>{0.5, 2}, " ") == "0.5 2");
  CHECK(joined(Dims{2, 3, 4}, "x") == "2x3x4");
  CHECK(joined(std::vector{Dims{2, 3}, Dims{}}, " and ") == "(2, 3) and ()");
  const char* const words[] = {"one", "two"};
  CHECK(joined(words, "\n") == "one\ntwo");
}

TEST_CASE("joined: the last two with a separator of their own; quoted") {
  const auto either = [](const std::vector<std::string>& words) {
    return joined(words, ", ", " or ");
  };
  CHECK(either({}).empty());
  CHECK(either({"a"}) == "a");
  CHECK(either({"a", "b"}) == "a or b");
  CHECK(either({"a", "b", "c"}) == "a, b or c");
  CHECK(either(quoted({"a", "", "c"})) == "\"a\", \"\" or \"c\"");
}
