// Text and numbers as pictures and pages show them.
#include "samples/report/svg/text.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/samples/report/markup.h"

namespace papilio::test {

using namespace report;

TEST_CASE("text is escaped, numbers are short and never NaN") {
  CHECK(escape("a < b & \"c\"") == "a &lt; b &amp; &quot;c&quot;");
  CHECK(grouped(21061) == "21,061");
  CHECK(grouped(-1234567) == "−1,234,567");
  CHECK(fixed(1.5, 2) == "1.50");
  CHECK(percent(0.963, 1).starts_with("96.3"));
  CHECK_FALSE(shows_nan(fixed(std::nan(""), 2)));
}

}  // namespace papilio::test
