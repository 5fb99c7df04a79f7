// For kernels that only move elements, whose size is then all that matters.
#pragma once

#include <cstdint>

#include "kernels/dtype.h"

namespace papilio {

// Calls f.template operator()<T>() with the unsigned integer T that is as large as an element.
template <class F>
void dispatch_by_size(DType dtype, F&& f) {
  switch (size_of(dtype)) {
    case 1:
      return f.template operator()<uint8_t>();
    case 2:
      return f.template operator()<uint16_t>();
    case 4:
      return f.template operator()<uint32_t>();
    default:
      return f.template operator()<uint64_t>();
  }
}

}  // namespace papilio
