// The middle of some values.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace papilio::cli {

// The upper of the two in the middle of an even number. There is at least one.
template <class T>
T median(std::vector<T> values) {
  const auto middle = values.begin() + int64_t(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

}  // namespace papilio::cli
