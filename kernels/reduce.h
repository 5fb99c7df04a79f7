// Reductions over any set of dimensions, arranged by the caller into the form below.
//
//   x: (outer..., r1, r0, inner), floating or int64, any strides; r1 and r0 go away; all sizes >= 1
//   y: (outer..., 1, 1, inner), any strides, dtype accumulator(x.dtype)
//
// Fast when x is contiguous in inner (columns) or, with inner == 1, in r0 (rows). Partial results
// are combined in an order that depends on the sizes only, pairwise, so that rounding errors grow
// with log(r1 * r0).
#pragma once

#include <cstdint>

#include "kernels/declare.h"
#include "kernels/view.h"

namespace papilio {

// float32 for float32 and the 16-bit types, float64 for float64, int64 for integers and bool.
constexpr DType accumulator(DType x) {
  if (x == DType::float64) return x;
  return is_floating(x) ? DType::float32 : DType::int64;
}

// What is reduced: kernels/detail/reducers.h has one struct for each.
enum class Reducer : uint8_t {
  sum,                // sum of x
  max,                // largest x; NaN if there is one
  min,                // smallest x; NaN if there is one
  squared_deviation,  // sum of (x - center)^2; floating x
  count_equal,        // number of x equal to center, NaN equal to NaN; floating x
};

// y = factor * reducer(x); factor must be 1 for integers. `center` has y's shape and dtype, any
// strides, and is looked at by the last two reductions only.
PAPILIO_KERNEL(void reduce(Reducer reducer, View y, ConstView x, ConstView center, double factor));

// dx = dy / count if x equals y (or both are NaN), else 0. All of one shape, any strides, dtype
// of dx; count has dtype accumulator(dx.dtype).
PAPILIO_KERNEL(void max_backward(View dx, ConstView dy, ConstView x, ConstView y, ConstView count));

// dx = factor * dy * (x - mean). All of one shape, any strides, dtype of dx; mean has dtype
// accumulator(dx.dtype).
PAPILIO_KERNEL(void var_backward(View dx, ConstView dy, ConstView x, ConstView mean,
                                 double factor));

}  // namespace papilio
