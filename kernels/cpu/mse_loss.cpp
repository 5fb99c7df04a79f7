#include "kernels/mse_loss.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/cpu/reduction.h"
#include "kernels/cpu/row.h"
#include "kernels/detail/reducers.h"

namespace papilio::cpu {

namespace {

constexpr int64_t kGrain = 32768;  // elements worth a thread
constexpr int64_t kPart = 4096;    // elements that are added up by themselves

// to_i = g(i) (x_i - target_i)
template <class T, class G>
void scaled_differences(T* to, const MseLossBackward& args, G&& g) {
  using C = compute_t<T>;
  const T *x = args.x.as<T>(), *target = args.target.as<T>();
  parallel_for(args.x.numel(), kGrain, [&](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) to[i] = T(g(i) * (C(x[i]) - C(target[i])));
  });
}

}  // namespace

void squared_errors(View y, ConstView x, ConstView target) {
  dispatch_floating(x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    T* out = y.as<T>();
    const T *a = x.as<T>(), *b = target.as<T>();
    parallel_for(x.numel(), kGrain, [&](int64_t begin, int64_t end) {
#pragma omp simd
      for (int64_t i = begin; i < end; ++i) {
        const C difference = C(a[i]) - C(b[i]);
        out[i] = T(difference * difference);
      }
    });
  });
}

void mse_loss(View total, ConstView x, ConstView target, double factor) {
  dispatch_floating(x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const int64_t n = x.numel(), parts = std::max<int64_t>(1, (n + kPart - 1) / kPart);
    std::vector<C> sums(static_cast<size_t>(parts));
    parallel_for(parts, kGrain / kPart, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        const int64_t from = p * kPart;
        sums[size_t(p)] = row_sum(
            std::min(kPart, n - from), [](auto a, auto b) { return (a - b) * (a - b); },
            x.as<T>() + from, target.as<T>() + from);
      }
    });
    *total.as<T>() = T(combine_pairwise<Sum>(sums.data(), parts) * C(factor));
  });
}

void mse_loss_backward(const MseLossBackward& args) {
  dispatch_floating(args.x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const T* dy = args.dy.as<T>();
    const bool one = args.dy.numel() == 1;
    const auto write = [&](const View& to, C factor) {
      if (!to.data) return;
      if (one)
        scaled_differences(to.as<T>(), args, [g = factor * C(*dy)](int64_t) { return g; });
      else
        scaled_differences(to.as<T>(), args, [=](int64_t i) { return factor * C(dy[i]); });
    };
    write(args.dx, C(2 * args.factor));
    write(args.dtarget, C(-2 * args.factor));
  });
}

}  // namespace papilio::cpu
