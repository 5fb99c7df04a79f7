// The loop behind kernels/elementwise.h. What depends on the function is one dense row; finding the
// rows, and bringing strided, broadcast and 16-bit elements into dense buffers, is compiled once a
// dtype (elementwise_loop.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "kernels/elementwise.h"

namespace papilio::cpu {

constexpr int64_t kElementwiseGrain = 16384;

// out[i] = f(in[0][i], in[1][i], ...) for i in [0, n).
template <class R, class C>
using RowFunction = void (*)(const void* f, R* out, const C* const* in, int64_t n);

// Calls `row` for all of out: elements of T come in as compute_t<T>, results of compute_t<R> are
// stored as R.
template <class R, class T, int N>
void for_each_row(View out, const ConstView (&in)[N], RowFunction<compute_t<R>, compute_t<T>> row,
                  const void* f);

// out = g(in...), element by element.
template <class R, class T, class G, class... In>
void for_each_element(View out, const G& g, const In&... in) {
  using C = compute_t<T>;
  using S = compute_t<R>;
  constexpr int N = sizeof...(In);
  const ConstView views[N] = {in...};
  auto row = [](const void* f, S* to, const C* const* from, int64_t n) {
    const G function = *static_cast<const G*>(f);
    auto dense = [&function, n](S* __restrict__ y, auto*... x) {
#pragma omp simd
      for (int64_t i = 0; i < n; ++i) y[i] = function(x[i]...);
    };
    [&]<size_t... I>(std::index_sequence<I...>) {
      dense(to, from[I]...);
    }
    (std::make_index_sequence<N>());
  };
  for_each_row<R, T, N>(out, views, row, &g);
}

template <class F>
void map(View y, ConstView x, F f) {
  dispatch_domain<F>(x.dtype, [&]<class T>() {
    for_each_element<T, T>(
        y, [f](compute_t<T> v) { return f.forward(v); }, x);
  });
}

template <class F>
void map_backward(View dx, ConstView dy, ConstView v, F f) {
  dispatch_floating(dx.dtype, [&]<class T>() {
    using C = compute_t<T>;
    for_each_element<T, T>(
        dx, [f](C d, C at) { return d * f.derivative(at); }, dy, v);
  });
}

template <class F>
void zip(View y, ConstView a, ConstView b, F f) {
  dispatch_domain<F>(a.dtype, [&]<class T>() {
    using C = compute_t<T>;
    constexpr bool compares = F::kDomain == Domain::any;
    using R = std::conditional_t<compares, bool, T>;
    for_each_element<R, T>(
        y, [f](C u, C v) { return f.forward(u, v); }, a, b);
  });
}

template <class F>
void zip_backward_a(View da, ConstView dy, ConstView a, ConstView b, F f) {
  dispatch_floating(da.dtype, [&]<class T>() {
    using C = compute_t<T>;
    auto g = [f](C d, C u, C v) { return d * f.derivative_a(u, v); };
    for_each_element<T, T>(da, g, dy, a, b);
  });
}

template <class F>
void zip_backward_b(View db, ConstView dy, ConstView a, ConstView b, F f) {
  dispatch_floating(db.dtype, [&]<class T>() {
    using C = compute_t<T>;
    auto g = [f](C d, C u, C v) { return d * f.derivative_b(u, v); };
    for_each_element<T, T>(db, g, dy, a, b);
  });
}

}  // namespace papilio::cpu
