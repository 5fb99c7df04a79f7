// Loops over the contiguous rows of a matrix, and reductions of one row in a fixed order.
#pragma once

#include <cstdint>
#include <limits>

#include "kernels/cpu/parallel.h"
#include "kernels/dtype.h"
#include "kernels/math.h"
#include "kernels/view.h"

namespace papilio::cpu {

// Calls f(begin, end) on ranges of rows, large enough to be worth a second thread.
template <class F>
void parallel_rows(int64_t rows, int64_t columns, F&& f) {
  parallel_for(rows, 1 + 8192 / (columns + 1), f);
}

// Rows are the last dimension; a 0-d x is one row of one element.
inline int64_t row_length(const ConstView& x) {
  return x.rank ? x.size(-1) : 1;
}
inline int64_t row_count(const ConstView& x) {
  int64_t n = 1;
  for (int i = 0; i + 1 < x.rank; ++i) n *= x.shape[i];
  return n;
}

// Skips NaN: what comes after the maximum (x - max) carries it on. -inf for n = 0.
template <class T>
compute_t<T> row_max(const T* x, int64_t n) {
  using C = compute_t<T>;
  constexpr int kLanes = 16;
  C lane[kLanes];
  for (C& m : lane) m = -std::numeric_limits<C>::infinity();
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int j = 0; j < kLanes; ++j) lane[j] = C(x[i + j]) > lane[j] ? C(x[i + j]) : lane[j];
  for (int j = 0; i + j < n; ++j) lane[j] = C(x[i + j]) > lane[j] ? C(x[i + j]) : lane[j];
  for (int half = kLanes / 2; half; half /= 2)
    for (int j = 0; j < half; ++j) lane[j] = lane[j + half] > lane[j] ? lane[j + half] : lane[j];
  return lane[0];
}

// e = exp(x - shift); returns the sum of e. e may be x.
template <class T>
compute_t<T> row_exp(compute_t<T>* e, const T* x, compute_t<T> shift, int64_t n) {
  compute_t<T> sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) {
    e[i] = math::exp(compute_t<T>(x[i]) - shift);
    sum += e[i];
  }
  return sum;
}

// The same without keeping e.
template <class T>
compute_t<T> row_sum_exp(const T* x, compute_t<T> shift, int64_t n) {
  compute_t<T> sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += math::exp(compute_t<T>(x[i]) - shift);
  return sum;
}

template <class T>
compute_t<T> row_sum(const T* x, int64_t n) {
  compute_t<T> sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += compute_t<T>(x[i]);
  return sum;
}

template <class T>
compute_t<T> row_dot(const T* x, const T* y, int64_t n) {
  compute_t<T> sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += compute_t<T>(x[i]) * compute_t<T>(y[i]);
  return sum;
}

}  // namespace papilio::cpu
