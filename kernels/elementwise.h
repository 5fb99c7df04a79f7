// Functions of one element at a time. Inputs have any strides (0 if broadcast) and the output's
// shape; outputs are contiguous. F is a functor of kernels/functors.h whose kDomain holds the
// inputs' dtype; each one is compiled in
// kernels/*/{arithmetic,math,extrema,activation,compare}.
#pragma once

#include <cstdint>

#include "kernels/declare.h"
#include "kernels/functors.h"
#include "kernels/view.h"

namespace papilio {

// Calls body<T>() for the dtypes of F's domain; bool as its byte.
template <class F, class Body>
void dispatch_domain(DType dtype, Body&& body) {
  if constexpr (F::kDomain != Domain::floating) {
    if (dtype == DType::int64) return body.template operator()<int64_t>();
    if (dtype == DType::int32) return body.template operator()<int32_t>();
  }
  if constexpr (F::kDomain == Domain::any) {
    if (size_of(dtype) == 1) return body.template operator()<uint8_t>();
  }
  dispatch_floating(dtype, body);
}

// y = f(x), of x's dtype.
PAPILIO_KERNEL(template <class F> void map(View y, ConstView x, F f));
// dx = dy f'(v), v the output or the input as F::kFromOutput says.
PAPILIO_KERNEL(template <class F> void map_backward(View dx, ConstView dy, ConstView v, F f));

// y = f(a, b), of their dtype, or bool for comparisons.
PAPILIO_KERNEL(template <class F> void zip(View y, ConstView a, ConstView b, F f));
// da = dy df/da(a, b); db = dy df/db(a, b)
PAPILIO_KERNEL(template <class F>
               void zip_backward_a(View da, ConstView dy, ConstView a, ConstView b, F f));
PAPILIO_KERNEL(template <class F>
               void zip_backward_b(View db, ConstView dy, ConstView a, ConstView b, F f));

// y = condition ? a : b. condition is bool; y, a and b have one dtype, any.
PAPILIO_KERNEL(void where(View y, ConstView condition, ConstView a, ConstView b));

// dst += src, one floating dtype. dst is contiguous; src has any strides.
PAPILIO_KERNEL(void add_to(View dst, ConstView src));

}  // namespace papilio
