// The rows that softmax, layer norm and their like work on: the last dimension of a contiguous x; a
// 0-d x is one row of one element.
#pragma once

#include <cstdint>

#include "kernels/view.h"

namespace papilio {

// How long a row is, and how many there are.
inline int64_t row_length(const ConstView& x) {
  return x.rank ? x.size(-1) : 1;
}
inline int64_t row_count(const ConstView& x) {
  int64_t n = 1;
  for (int i = 0; i + 1 < x.rank; ++i) n *= x.shape[i];
  return n;
}

}  // namespace papilio
