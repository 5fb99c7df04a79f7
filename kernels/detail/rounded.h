// Rounding through a 16-bit type on the way to another.
#pragma once

#include "kernels/dtype.h"

namespace papilio {

// Calls f.template operator()<R, T>(), R the type that values are rounded to, T that of y.
template <class F>
void dispatch_rounded(DType rounded_to, DType y, F&& f) {
  dispatch_floating(y, [&]<class T>() {
    if (rounded_to == DType::bfloat16)
      f.template operator()<BFloat16, T>();
    else if (rounded_to == DType::float16)
      f.template operator()<Float16, T>();
    else
      f.template operator()<float, T>();
  });
}

}  // namespace papilio
