#include "kernels/householder.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/cpu/row.h"
#include "kernels/cpu/scratch.h"

namespace papilio::cpu {
namespace {

// The unit vectors in the order in which a row meets them, and the lengths they had.
template <class T>
struct Chain {
  using C = compute_t<T>;
  int64_t r, d;
  bool reversed;
  Scratch<C> v, length;

  Chain(ConstView u, bool from_the_end)
      : r(u.size(0)), d(u.size(1)), reversed(from_the_end), v(r * d), length(r) {
    for (int64_t k = 0; k < r; ++k) {
      const T* uk = u.as<T>() + row(k) * d;
      length[k] = std::sqrt(row_dot(uk, uk, d));
      C* vk = v + k * d;
#pragma omp simd
      for (int64_t i = 0; i < d; ++i) vk[i] = C(uk[i]) / length[k];
    }
  }
  // The row of u that comes k-th.
  int64_t row(int64_t k) const {
    return reversed ? r - 1 - k : k;
  }

  // y <- y H_k; returns y v_k from before.
  C reflect(C* y, int64_t k) const {
    const C* vk = v + k * d;
    const C dot = row_dot(y, vk, d), twice = 2 * dot;
#pragma omp simd
    for (int64_t i = 0; i < d; ++i) y[i] -= twice * vk[i];
    return dot;
  }
};

template <class To, class From>
void convert_row(To* to, const From* from, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) to[i] = To(from[i]);
}

// Rows whose gradients of v are summed one after the other; the sums of such groups are added in a
// second stage.
int64_t group_size(int64_t rows) {
  return std::max<int64_t>(16, (rows + 63) / 64);
}

}  // namespace

void householder(View y, ConstView x, ConstView u, bool reversed) {
  dispatch_floating(x.dtype, [&]<class T>() {
    const Chain<T> chain(u, reversed);
    const int64_t d = chain.d;
    parallel_rows(row_count(x), chain.r * d, [&](int64_t begin, int64_t end) {
      const Scratch<compute_t<T>> row(d);
      for (int64_t at = begin; at < end; ++at) {
        convert_row<compute_t<T>>(row, x.as<T>() + at * d, d);
        for (int64_t k = 0; k < chain.r; ++k) chain.reflect(row, k);
        convert_row<T, compute_t<T>>(y.as<T>() + at * d, row, d);
      }
    });
  });
}

void householder_backward(View dx, View du, ConstView dy, ConstView x, ConstView u, bool reversed) {
  dispatch_floating(x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const Chain<T> chain(u, reversed);
    const int64_t r = chain.r, d = chain.d, rows = row_count(x);
    const int64_t size = group_size(rows), groups = (rows + size - 1) / size;
    const Scratch<C> sums(du.data ? groups * r * d : 0);
    parallel_for(groups, 1 + 8192 / (size * r * d + 1), [&](int64_t begin, int64_t end) {
      const Scratch<C> y(d), g(d);
      for (int64_t group = begin; group < end; ++group) {
        C* dv = sums + group * r * d;
        if (du.data) std::fill_n(dv, r * d, C(0));
        for (int64_t at = group * size; at < std::min(rows, (group + 1) * size); ++at) {
          convert_row<C>(y, x.as<T>() + at * d, d);
          convert_row<C>(g, dy.as<T>() + at * d, d);
          if (du.data)
            for (int64_t k = 0; k < r; ++k) chain.reflect(y, k);
          for (int64_t k = r; k-- > 0;) {
            if (!du.data) {
              chain.reflect(g, k);
              continue;
            }
            const C *vk = chain.v + k * d, *yk = y, *gk = g;
            const C c = chain.reflect(y, k), a = row_dot(gk, vk, d);
            C* dvk = dv + k * d;
#pragma omp simd
            for (int64_t i = 0; i < d; ++i) dvk[i] -= 2 * (a * yk[i] - c * gk[i]);
            chain.reflect(g, k);
          }
          if (dx.data) convert_row<T, C>(dx.as<T>() + at * d, g, d);
        }
      }
    });
    if (!du.data) return;
    const Scratch<C> dv(d);
    for (int64_t k = 0; k < r; ++k) {
      const C* vk = chain.v + k * d;
      std::fill_n(static_cast<C*>(dv), d, C(0));
      for (int64_t group = 0; group < groups; ++group)
        for (int64_t i = 0; i < d; ++i) dv[i] += sums[(group * r + k) * d + i];
      const C along = row_dot(static_cast<const C*>(dv), vk, d);
      T* duk = du.as<T>() + chain.row(k) * d;
      for (int64_t i = 0; i < d; ++i) duk[i] = T((dv[i] - along * vk[i]) / chain.length[k]);
    }
  });
}

}  // namespace papilio::cpu
