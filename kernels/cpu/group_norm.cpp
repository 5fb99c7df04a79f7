#include "kernels/group_norm.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/cpu/row.h"
#include "kernels/cpu/scratch.h"
#include "kernels/detail/group_sizes.h"
#include "kernels/functors.h"

namespace papilio::cpu {
namespace {

// Elements that are read together: they stay in the cache, and sums of such parts are added in
// float64, because a group may have millions.
constexpr int64_t kPart = 2048;

// Calls f(begin, count) for part after part of n elements.
template <class F>
void for_each_part(int64_t n, F&& f) {
  for (int64_t i = 0; i < n; i += kPart) f(i, std::min(kPart, n - i));
}

// t = x scale + shift of one channel is (x - mean) scale + bias.
template <class C>
struct Affine {
  C mean, scale, bias;
  C operator()(C x) const { return (x - mean) * scale + bias; }
};

// The parameters of channel c; those without data are 1 and 0.
template <class T>
compute_t<T> parameter(const ConstView& p, int64_t c, compute_t<T> absent) {
  return p.data ? compute_t<T>(p.as<T>()[c]) : absent;
}

// d of `count` elements: dy, or what SiLU makes of it.
template <class T>
void before_silu(compute_t<T>* d, const T* dy, const T* x, int64_t count,
                 const Affine<compute_t<T>>& t, bool silu) {
  using C = compute_t<T>;
  if (silu) {  // NOLINT(bugprone-branch-clone): the loops differ
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) d[i] = C(dy[i]) * functor::Silu{}.derivative(t(C(x[i])));
  } else {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) d[i] = C(dy[i]);
  }
}

// sums[2 (b C + c)] = sum over the channel's elements of d n, and beside it sum of d.
template <class T>
void channel_sums(compute_t<T>* sums, const GroupNormBackward& args, const GroupSizes& s) {
  using C = compute_t<T>;
  parallel_rows(s.B * s.C, s.S, [&](int64_t begin, int64_t end) {
    const Scratch<C> d(kPart);
    for (int64_t bc = begin; bc < end; ++bc) {
      const int64_t c = bc % s.C, row = bc / s.channels;
      const C mean = args.statistics.as<C>()[2 * row], rstd = args.statistics.as<C>()[2 * row + 1];
      const Affine<C> t{mean, rstd * parameter<T>(args.weight, c, 1),
                        parameter<T>(args.bias, c, 0)};
      double dn = 0, total = 0;
      for_each_part(s.S, [&](int64_t i, int64_t count) {
        const T *x = args.x.as<T>() + bc * s.S + i, *dy = args.dy.as<T>() + bc * s.S + i;
        before_silu<T>(d, dy, x, count, t, args.silu);
        const C* dp = d;
        dn += row_sum(
            count, [=](auto v, auto g) { return (v - mean) * rstd * g; }, x, dp);
        total += row_sum(dp, count);
      });
      sums[2 * bc] = C(dn), sums[2 * bc + 1] = C(total);
    }
  });
}

template <class T>
void input_gradient(const GroupNormBackward& args, const compute_t<T>* sums, const GroupSizes& s) {
  using C = compute_t<T>;
  parallel_rows(s.B * s.groups, s.elements(), [&](int64_t begin, int64_t end) {
    const Scratch<C> d(kPart);
    for (int64_t row = begin; row < end; ++row) {
      const C mean = args.statistics.as<C>()[2 * row], rstd = args.statistics.as<C>()[2 * row + 1];
      const int64_t first = row % s.groups * s.channels;  // channel
      double gn = 0, g = 0;
      for (int64_t c = 0; c < s.channels; ++c) {
        const C w = parameter<T>(args.weight, first + c, 1);
        const C* of_channel = sums + 2 * (row * s.channels + c);
        gn += double(w * of_channel[0]), g += double(w * of_channel[1]);
      }
      const C gn_mean = C(gn / double(s.elements())), g_mean = C(g / double(s.elements()));
      for (int64_t c = 0; c < s.channels; ++c) {
        const C w = parameter<T>(args.weight, first + c, 1);
        const Affine<C> t{mean, rstd * w, parameter<T>(args.bias, first + c, 0)};
        const int64_t at = (row * s.channels + c) * s.S;
        for_each_part(s.S, [&](int64_t i, int64_t count) {
          const T *x = args.x.as<T>() + at + i, *dy = args.dy.as<T>() + at + i;
          T* dx = args.dx.as<T>() + at + i;
          before_silu<T>(d, dy, x, count, t, args.silu);
          const C* dp = d;
#pragma omp simd
          for (int64_t k = 0; k < count; ++k)
            dx[k] = T(rstd * (dp[k] * w - g_mean - (C(x[k]) - mean) * rstd * gn_mean));
        });
      }
    }
  });
}

}  // namespace

void group_norm(const GroupNorm& args) {
  const GroupSizes s(args.x, args.groups);
  dispatch_floating(args.x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    parallel_rows(s.B * s.groups, s.elements(), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t n = s.elements();
        const T* x = args.x.as<T>() + row * n;
        T* y = args.y.as<T>() + row * n;
        double sum = 0, squares = 0;
        for_each_part(n, [&](int64_t i, int64_t count) { sum += row_sum(x + i, count); });
        const C mean = C(sum / double(n));
        for_each_part(n, [&](int64_t i, int64_t count) {
          squares += row_sum(
              count, [=](auto v) { return (v - mean) * (v - mean); }, x + i);
        });
        const C rstd = C(1 / std::sqrt(squares / double(n) + args.eps));
        args.statistics.as<C>()[2 * row] = mean, args.statistics.as<C>()[2 * row + 1] = rstd;
        for (int64_t c = 0; c < s.channels; ++c, x += s.S, y += s.S) {
          const int64_t channel = row % s.groups * s.channels + c;
          const Affine<C> t{mean, rstd * parameter<T>(args.weight, channel, 1),
                            parameter<T>(args.bias, channel, 0)};
          if (args.silu) {  // NOLINT(bugprone-branch-clone): the loops differ
#pragma omp simd
            for (int64_t i = 0; i < s.S; ++i) y[i] = T(functor::Silu{}.forward(t(C(x[i]))));
          } else {
#pragma omp simd
            for (int64_t i = 0; i < s.S; ++i) y[i] = T(t(C(x[i])));
          }
        }
      }
    });
  });
}

void group_norm_backward(const GroupNormBackward& args) {
  const GroupSizes s(args.x, args.groups);
  dispatch_floating(args.x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const Scratch<C> sums(2 * s.B * s.C);
    channel_sums<T>(sums, args, s);
    if (args.dx.data) input_gradient<T>(args, sums, s);
    for (int64_t c = 0; c < s.C; ++c) {
      double dw = 0, db = 0;
      for (int64_t b = 0; b < s.B; ++b)
        dw += double(sums[2 * (b * s.C + c)]), db += double(sums[2 * (b * s.C + c) + 1]);
      if (args.dweight.data) args.dweight.as<T>()[c] = T(C(dw));
      if (args.dbias.data) args.dbias.as<T>()[c] = T(C(db));
    }
  });
}

}  // namespace papilio::cpu
