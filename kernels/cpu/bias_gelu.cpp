#include "kernels/bias_gelu.h"

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/row.h"
#include "kernels/cpu/scratch.h"
#include "kernels/functors.h"

namespace papilio::cpu {
namespace {

// Calls body(f, T(), bias): GELU's functor, the element type, and the bias in the type to compute
// in.
template <class Body>
void dispatch(const ConstView& x, const ConstView& bias, bool tanh, Body&& body) {
  dispatch_floating(x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const int64_t n = row_length(x);
    const Scratch<C> b(n);
    for (int64_t i = 0; i < n; ++i) b[i] = bias.data ? C(bias.as<T>()[i]) : C(0);
    const C* const dense = b;
    if (tanh)
      body(functor::GeluTanh(), T(), dense);
    else
      body(functor::Gelu(), T(), dense);
  });
}

template <class F, class T, class C>
void forward_row(F f, T* __restrict__ y, const T* x, const C* bias, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = T(f.forward(C(x[i]) + bias[i]));
}

template <class F, class T, class C>
void backward_row(F f, T* __restrict__ dx, const T* dy, const T* x, const C* bias, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) dx[i] = T(C(dy[i]) * f.derivative(C(x[i]) + bias[i]));
}

}  // namespace

void bias_gelu(View y, ConstView x, ConstView bias, bool tanh) {
  dispatch(x, bias, tanh, [&]<class F, class T, class C>(F f, T, const C* b) {
    const int64_t n = row_length(x);
    parallel_rows(row_count(x), n, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        forward_row(f, y.as<T>() + r * n, x.as<T>() + r * n, b, n);
    });
  });
}

// Groups of rows are summed one after the other, then the groups' sums in their order.
void bias_gelu_backward(View dx, View dbias, ConstView dy, ConstView x, ConstView bias, bool tanh) {
  dispatch(x, bias, tanh, [&]<class F, class T, class C>(F f, T, const C* b) {
    const int64_t n = row_length(x), rows = row_count(x);
    const int64_t size = std::max<int64_t>(16, (rows + 63) / 64), groups = (rows + size - 1) / size;
    const Scratch<C> sums(dbias.data ? n * groups : 0);
    parallel_for(groups, 1 + 8192 / (size * n + 1), [&](int64_t begin, int64_t end) {
      const Scratch<T> unwanted(dx.data ? 0 : n);
      for (int64_t g = begin; g < end; ++g) {
        C* const sum = sums + n * g;
        if (dbias.data) std::fill_n(sum, n, C(0));
        for (int64_t r = g * size; r < std::min(rows, (g + 1) * size); ++r) {
          T* const row = dx.data ? dx.as<T>() + r * n : unwanted;
          backward_row(f, row, dy.as<T>() + r * n, x.as<T>() + r * n, b, n);
          if (!dbias.data) continue;
#pragma omp simd
          for (int64_t i = 0; i < n; ++i) sum[i] += C(row[i]);
        }
      }
    });
    if (!dbias.data) return;
    for (int64_t g = 1; g < groups; ++g)
      for (int64_t i = 0; i < n; ++i) sums[i] += sums[n * g + i];
    for (int64_t i = 0; i < n; ++i) dbias.as<T>()[i] = T(groups ? sums[i] : C(0));
  });
}

}  // namespace papilio::cpu
