// One element from one type to another.
#pragma once

#include <limits>
#include <type_traits>

#include "kernels/dtype.h"

namespace papilio {

// Floating to integer truncates, saturates and makes NaN 0; to bool is "not zero"; between integers
// the low bits stay.
template <class To, class From>
PAPILIO_HOST_DEVICE inline To convert(From value) {
  if constexpr (std::is_same_v<To, From>) {
    return value;
  } else if constexpr (is_half_type<From>) {
    return convert<To>(float(value));
  } else if constexpr (is_half_type<To>) {
    return To(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != From(0);
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    using Limits = std::numeric_limits<To>;
    // 2^bits is exact in From even if max() is not.
    constexpr To half = Limits::max() / 2 + 1;
    constexpr From end = From(half) * From(2);
    const bool low = !(value >= From(Limits::min())), high = value >= end;
    const To inside = static_cast<To>(low || high ? From(0) : value);
    const To below = value != value ? To(0) : Limits::min();
    return high ? Limits::max() : low ? below : inside;
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace papilio
