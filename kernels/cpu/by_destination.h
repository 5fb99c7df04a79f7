// Positions of an index by value: what scatter-adds need to add in a fixed order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace papilio {

// The positions of `index`, sorted by value and stable: those with value i are order[first[i]] ...
// order[first[i + 1] - 1].
struct ByDestination {
  std::vector<int64_t> first, order;

  ByDestination(const int64_t* index, int64_t k, int64_t n)
      : first(size_t(n) + 1), order(size_t(k)) {
    for (int64_t j = 0; j < k; ++j) ++first[size_t(index[j]) + 1];
    for (size_t i = 0; i < size_t(n); ++i) first[i + 1] += first[i];
    std::vector<int64_t> next(first.begin(), first.end() - 1);
    for (int64_t j = 0; j < k; ++j) order[size_t(next[size_t(index[j])]++)] = j;
  }
};

}  // namespace papilio
