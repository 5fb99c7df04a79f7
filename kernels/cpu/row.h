// Loops over the contiguous rows of a matrix, and reductions of one row in a fixed order.
#pragma once

#include <cstdint>
#include <limits>

#include "kernels/cpu/parallel.h"
#include "kernels/cpu/simd.h"
#include "kernels/detail/row_shape.h"
#include "kernels/dtype.h"
#include "kernels/math.h"

namespace papilio::cpu {

// Calls f(begin, end) on ranges of rows, large enough to be worth a second thread.
template <class F>
void parallel_rows(int64_t rows, int64_t columns, F&& f) {
  parallel_for(rows, 1 + 8192 / (columns + 1), f);
}

// One vector's worth of elements, converted to the compute type.
template <class T>
inline Simd<compute_t<T>> load_converted(const T* x) {
  using C = compute_t<T>;
  if constexpr (is_half_type<T>) {
    C part[kSimdLanes<C>];
    for (int l = 0; l < kSimdLanes<C>; ++l) part[l] = C(x[l]);
    return load(part);
  } else {
    return load(x);
  }
}

// sum_i f(x_i, ...) for i < n. f takes vectors as well as single elements: [](auto x, auto y) {
// return x * y; }
template <class F, class T, class... More>
inline compute_t<T> row_sum(int64_t n, F f, const T* x, const More*... more) {
  using C = compute_t<T>;
  constexpr int L = kSimdLanes<C>;
  Simd<C> a = {}, b = {};
  int64_t i = 0;
  for (; i + 2 * L <= n; i += 2 * L) {
    a += f(load_converted(x + i), load_converted(more + i)...);
    b += f(load_converted(x + i + L), load_converted(more + i + L)...);
  }
  for (; i + L <= n; i += L) a += f(load_converted(x + i), load_converted(more + i)...);
  C rest = 0;
  for (; i < n; ++i) rest += f(C(x[i]), C(more[i])...);
  return reduce_add<C>(a + b) + rest;
}

template <class T>
inline compute_t<T> row_sum(const T* x, int64_t n) {
  return row_sum(
      n, [](auto v) { return v; }, x);
}
template <class T, class U>
inline compute_t<T> row_dot(const T* x, const U* y, int64_t n) {
  return row_sum(
      n, [](auto v, auto w) { return v * w; }, x, y);
}

// May skip NaN: what comes after the maximum (x - max) carries it on. -inf for n = 0.
template <class T>
inline compute_t<T> row_max(const T* x, int64_t n) {
  using C = compute_t<T>;
  C rest = -std::numeric_limits<C>::infinity();
  Simd<C> m = splat(rest);
  int64_t i = 0;
  for (; i + kSimdLanes<C> <= n; i += kSimdLanes<C>) {
    const Simd<C> v = load_converted(x + i);
    m = v > m ? v : m;
  }
  for (; i < n; ++i) rest = C(x[i]) > rest ? C(x[i]) : rest;
  const C lanes = reduce_max<C>(m);
  return lanes > rest ? lanes : rest;
}

// e = exp(x - shift). e may be x.
template <class T>
inline void row_exp(compute_t<T>* e, const T* x, compute_t<T> shift, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) e[i] = math::exp(compute_t<T>(x[i]) - shift);
}

// sum exp(x - shift), a part at a time.
template <class T>
inline compute_t<T> row_sum_exp(const T* x, compute_t<T> shift, int64_t n) {
  using C = compute_t<T>;
  constexpr int64_t kPart = 256;
  C part[kPart], sum = 0;
  for (int64_t i = 0; i < n; i += kPart) {
    const int64_t count = n - i < kPart ? n - i : kPart;
    row_exp(part, x + i, shift, count);
    sum += row_sum(part, count);
  }
  return sum;
}

}  // namespace papilio::cpu
