#include "nn/data/formats/detail/csv.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tensor/error.h"

namespace papilio::test {

TEST_CASE("csv: quotes, line ends of all kinds, a byte order mark; lines are counted") {
  const auto rows = nn::parse_csv(
      "\xef\xbb\xbf"
      "a,b\r\n\"x, y\",\"say \"\"hi\"\"\"\n\n\"two\nlines\",\nlast,",
      "f.csv");
  REQUIRE(rows.size() == 4);
  CHECK(rows[0].fields == std::vector<std::string>{"a", "b"});
  CHECK(rows[1].fields == std::vector<std::string>{"x, y", "say \"hi\""});
  CHECK(rows[2].fields == std::vector<std::string>{"two\nlines", ""});
  CHECK(rows[3].fields == std::vector<std::string>{"last", ""});
  CHECK(rows[2].line == 4);
  CHECK(rows[3].line == 6);
  CHECK(nn::parse_csv("", "f.csv").empty());
}

TEST_CASE("csv: what is broken is said with its line") {
  const auto refused = [](const std::string& text, const std::string& says) {
    CHECK_THROWS_WITH_AS(nn::parse_csv(text, "f.csv"), ("f.csv, line " + says).c_str(), FileError);
  };
  refused("a,b\n\"c,d\n", "2: a quote does not end");
  refused("a,b\n\"c\"d,e\n", "2: a quoted field does not end behind its quote");
  refused("a,b\nc\n", "2: expected 2 fields, got 1");
  refused("a,b\n\nc,d,e\n", "3: expected 2 fields, got 3");
}

}  // namespace papilio::test
