// Where a half-open range ends in a type of low precision.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/dtype.h"

namespace papilio {

// The largest T below `high` (as T rounds), or `low` when there is none at or above it.
template <class T>
T last_below(double low, double high) {
  T last = T(compute_t<T>(high));
  if (double(last) >= high) {
    if constexpr (is_half_type<T>) {
      if ((last.bits & 0x7fff) == 0)
        last.bits = 0x8001;
      else
        last.bits = uint16_t(last.bits & 0x8000 ? last.bits + 1 : last.bits - 1);
    } else {
      last = std::nextafter(last, -INFINITY);
    }
  }
  return double(last) < low ? T(compute_t<T>(low)) : last;
}

}  // namespace papilio
