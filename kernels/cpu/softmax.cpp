#include "kernels/softmax.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/cpu/row.h"

namespace papilio::cpu {

void softmax(View y, ConstView x) {
  dispatch_floating(x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const int64_t n = row_length(x);
    parallel_rows(row_count(x), n, [&](int64_t begin, int64_t end) {
      std::vector<C> buffer(is_half_type<T> ? size_t(n) : 0);
      for (int64_t r = begin; r < end; ++r) {
        const T* xr = x.as<T>() + r * n;
        T* yr = y.as<T>() + r * n;
        C* e = buffer.data();
        if constexpr (!is_half_type<T>) e = yr;
        row_exp(e, xr, row_max(xr, n), n);
        const C scale = 1 / row_sum(e, n);
#pragma omp simd
        for (int64_t i = 0; i < n; ++i) yr[i] = T(e[i] * scale);
      }
    });
  });
}

void softmax_backward(View dx, ConstView y, ConstView dy) {
  dispatch_floating(y.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const int64_t n = row_length(y);
    parallel_rows(row_count(y), n, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const T *yr = y.as<T>() + r * n, *dyr = dy.as<T>() + r * n;
        T* dxr = dx.as<T>() + r * n;
        const C dot = row_dot(yr, dyr, n);
#pragma omp simd
        for (int64_t i = 0; i < n; ++i) dxr[i] = T(C(yr[i]) * (C(dyr[i]) - dot));
      }
    });
  });
}

void log_softmax(View y, ConstView x) {
  dispatch_floating(x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const int64_t n = row_length(x);
    parallel_rows(row_count(x), n, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const T* xr = x.as<T>() + r * n;
        T* yr = y.as<T>() + r * n;
        const C max = row_max(xr, n), log_sum = std::log(row_sum_exp(xr, max, n));
#pragma omp simd
        for (int64_t i = 0; i < n; ++i) yr[i] = T(C(xr[i]) - max - log_sum);
      }
    });
  });
}

void log_softmax_backward(View dx, ConstView y, ConstView dy) {
  dispatch_floating(y.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const int64_t n = row_length(y);
    parallel_rows(row_count(y), n, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const T *yr = y.as<T>() + r * n, *dyr = dy.as<T>() + r * n;
        T* dxr = dx.as<T>() + r * n;
        const C sum = row_sum(dyr, n);
#pragma omp simd
        for (int64_t i = 0; i < n; ++i) dxr[i] = T(C(dyr[i]) - math::exp(C(yr[i])) * sum);
      }
    });
  });
}

}  // namespace papilio::cpu
