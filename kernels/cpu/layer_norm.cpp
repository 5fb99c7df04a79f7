#include "kernels/layer_norm.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/cpu/row.h"
#include "kernels/cpu/scratch.h"

namespace papilio::cpu {
namespace {

// A (C) parameter in the compute type; `absent` everywhere if it has no data.
template <class T>
void convert_parameter(compute_t<T>* to, ConstView from, int64_t n, compute_t<T> absent) {
  for (int64_t i = 0; i < n; ++i) to[i] = from.data ? compute_t<T>(from.as<T>()[i]) : absent;
}

// Rows whose parameter gradients are summed one after the other; the sums of such groups are added
// in a second stage.
int64_t group_size(int64_t rows) {
  return std::max<int64_t>(16, (rows + 63) / 64);
}

// y = norm(x) by rows, or of sum = x + more if there is more.
void normalise(View sum, View y, View statistics, ConstView x, ConstView more, ConstView weight,
               ConstView bias, double eps) {
  dispatch_floating(x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const int64_t n = row_length(x);
    const Scratch<C> w(n), b(n);
    convert_parameter<T>(w, weight, n, 1);
    convert_parameter<T>(b, bias, n, 0);
    parallel_rows(row_count(x), n, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const T* xr = x.as<T>() + r * n;
        if (more.data) {
          const T* mr = more.as<T>() + r * n;
          T* sr = sum.as<T>() + r * n;
#pragma omp simd
          for (int64_t i = 0; i < n; ++i) sr[i] = T(C(xr[i]) + C(mr[i]));
          xr = sr;
        }
        T* yr = y.as<T>() + r * n;
        const C mean = row_sum(xr, n) / C(n);
        const C variance = row_sum(
                               n, [=](auto v) { return (v - mean) * (v - mean); }, xr) /
                           C(n);
        const C rstd = 1 / std::sqrt(variance + C(eps));
        statistics.as<C>()[2 * r] = mean, statistics.as<C>()[2 * r + 1] = rstd;
        const C *wp = w, *bp = b;
#pragma omp simd
        for (int64_t i = 0; i < n; ++i) yr[i] = T((C(xr[i]) - mean) * rstd * wp[i] + bp[i]);
      }
    });
  });
}

}  // namespace

void layer_norm(View y, View statistics, ConstView x, ConstView weight, ConstView bias,
                double eps) {
  normalise({}, y, statistics, x, {}, weight, bias, eps);
}

void add_layer_norm(const AddLayerNorm& args) {
  normalise(args.sum, args.y, args.statistics, args.a, args.b, args.weight, args.bias, args.eps);
}

void layer_norm_backward(const LayerNormBackward& args) {
  dispatch_floating(args.x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const int64_t n = row_length(args.x), rows = row_count(args.x);
    const int64_t size = group_size(rows), groups = (rows + size - 1) / size;
    const bool need_sums = args.dweight.data || args.dbias.data;
    const Scratch<C> w(n), sums(need_sums ? 2 * n * groups : 0);
    convert_parameter<T>(w, args.weight, n, 1);
    parallel_for(groups, 1 + 8192 / (size * n + 1), [&](int64_t begin, int64_t end) {
      for (int64_t g = begin; g < end; ++g) {
        C *dw = sums + 2 * n * g, *db = dw + n;
        if (need_sums) std::fill_n(dw, 2 * n, C(0));
        for (int64_t r = g * size; r < std::min(rows, (g + 1) * size); ++r) {
          const T *xr = args.x.as<T>() + r * n, *dyr = args.dy.as<T>() + r * n;
          const C mean = args.statistics.as<C>()[2 * r], rstd = args.statistics.as<C>()[2 * r + 1];
          const C* wp = w;
          if (args.dx.data) {
            T* dxr = args.dx.as<T>() + r * n;
            const C g = row_dot(dyr, wp, n) / C(n);
            const C gn = row_sum(
                             n, [=](auto d, auto v, auto p) { return d * p * ((v - mean) * rstd); },
                             dyr, xr, wp) /
                         C(n);
#pragma omp simd
            for (int64_t i = 0; i < n; ++i)
              dxr[i] = T(rstd * (C(dyr[i]) * wp[i] - g - (C(xr[i]) - mean) * rstd * gn));
          }
          if (need_sums) {
#pragma omp simd
            for (int64_t i = 0; i < n; ++i) {
              dw[i] += C(dyr[i]) * ((C(xr[i]) - mean) * rstd);
              db[i] += C(dyr[i]);
            }
          }
        }
      }
    });
    if (!need_sums) return;
    for (int64_t g = 1; g < groups; ++g)
      for (int64_t i = 0; i < 2 * n; ++i) sums[i] += sums[2 * n * g + i];
    for (int64_t i = 0; i < n && args.dweight.data; ++i)
      args.dweight.as<T>()[i] = T(groups ? sums[i] : C(0));
    for (int64_t i = 0; i < n && args.dbias.data; ++i)
      args.dbias.as<T>()[i] = T(groups ? sums[n + i] : C(0));
  });
}

}  // namespace papilio::cpu
