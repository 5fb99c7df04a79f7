// What reductions combine, shared by host and device: map turns an element into a term (c: the
// center), combine joins two partial results.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/dtype.h"

namespace papilio {

// The type in which a sum of T is kept: float for 16-bit types, int64 for integers.
template <class T>
using accumulator_t =
    std::conditional_t<is_half_type<T>, float,
                       std::conditional_t<std::is_floating_point_v<T>, T, int64_t>>;

// sum_i x_i
struct Sum {
  // What the empty sum is, a term of element x, and two partial results joined.
  template <class A>
  PAPILIO_HOST_DEVICE static A identity() {
    return A(0);
  }
  template <class A>
  PAPILIO_HOST_DEVICE static A map(A x, A) {
    return x;
  }
  template <class A>
  PAPILIO_HOST_DEVICE static A combine(A a, A b) {
    return a + b;
  }
};
// sum_i (x_i - c)^2
struct SquaredDeviation : Sum {
  template <class A>
  PAPILIO_HOST_DEVICE static A map(A x, A c) {
    return (x - c) * (x - c);
  }
};
// The number of x_i = c; NaN equals NaN.
struct CountEqual : Sum {
  template <class A>
  PAPILIO_HOST_DEVICE static A map(A x, A c) {
    return (x == c) | ((x != x) & (c != c)) ? A(1) : A(0);
  }
};
// max_i x_i; NaN if there is one.
struct Max : Sum {
  template <class A>
  PAPILIO_HOST_DEVICE static A identity() {
    using L = std::numeric_limits<A>;
    return L::has_infinity ? -L::infinity() : L::lowest();
  }
  template <class A>
  PAPILIO_HOST_DEVICE static A combine(A a, A b) {
    const A picked = a > b ? a : b;  // b when either is NaN
    return a != a ? a : picked;
  }
};
// min_i x_i; NaN if there is one.
struct Min : Sum {
  template <class A>
  PAPILIO_HOST_DEVICE static A identity() {
    using L = std::numeric_limits<A>;
    return L::has_infinity ? L::infinity() : L::max();
  }
  template <class A>
  PAPILIO_HOST_DEVICE static A combine(A a, A b) {
    const A picked = a < b ? a : b;  // b when either is NaN
    return a != a ? a : picked;
  }
};

}  // namespace papilio
