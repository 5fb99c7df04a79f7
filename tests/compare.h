// How far apart numbers are.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace papilio::test {

// max |a - b|; NaN anywhere gives NaN.
inline double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = std::abs(a[i] - b[i]);
    worst = std::isnan(d) ? d : std::max(worst, d);
    if (std::isnan(worst)) return worst;
  }
  return worst;
}

}  // namespace papilio::test
