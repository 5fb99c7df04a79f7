#include "kernels/cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/cpu/row.h"

namespace papilio::cpu {

namespace {

bool has_indices(const CrossEntropyTarget& t) {
  return t.target.dtype == DType::int64;
}
// True for a row that gives no loss.
bool ignored(const CrossEntropyTarget& t, int64_t row) {
  return has_indices(t) && t.target.as<int64_t>()[row] == t.ignore_index;
}

}  // namespace

void cross_entropy(View losses, View statistics, ConstView logits, const CrossEntropyTarget& t) {
  dispatch_floating(logits.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const int64_t n = logits.shape[1];
    const C smooth = C(t.label_smoothing), keep = 1 - smooth, uniform = smooth / C(n);
    parallel_rows(logits.shape[0], n, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const T* x = logits.as<T>() + r * n;
        const C max = row_max(x, n), log_sum = std::log(row_sum_exp(x, max, n));
        C* stats = statistics.as<C>() + 2 * r;
        stats[0] = max, stats[1] = log_sum;
        // The loss of the class whose logit is v, if its target is 1.
        const auto loss_of = [=](auto v) { return log_sum - (v - max); };
        C loss = 0;
        if (ignored(t, r)) {
        } else if (has_indices(t)) {
          loss = keep * loss_of(C(x[t.target.as<int64_t>()[r]]));
        } else {
          loss = keep * row_sum(
                            n, [=](auto v, auto p) { return p * loss_of(v); }, x,
                            t.target.as<T>() + r * n);
        }
        if (smooth != 0 && !ignored(t, r)) loss += uniform * row_sum(n, loss_of, x);
        losses.as<C>()[r] = loss;
      }
    });
  });
}

void cross_entropy_total(View total, View divisor, ConstView losses, const CrossEntropyTarget& t,
                         bool mean) {
  dispatch_floating(total.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const int64_t n = losses.shape[0];
    int64_t count = 0;
    for (int64_t r = 0; r < n; ++r) count += !ignored(t, r);
    *divisor.as<C>() = mean ? C(count) : C(1);
    *total.as<T>() = T(row_sum(losses.as<C>(), n) / *divisor.as<C>());
  });
}

void cross_entropy_backward(const CrossEntropyBackward& args) {
  const CrossEntropyTarget& t = args.target;
  dispatch_floating(args.logits.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const int64_t n = args.logits.shape[1];
    const C keep = 1 - C(t.label_smoothing), uniform = C(t.label_smoothing) / C(n);
    const C scale = args.divisor.data ? 1 / *args.divisor.as<C>() : C(1);
    parallel_rows(args.logits.shape[0], n, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const T* x = args.logits.as<T>() + r * n;
        const C max = args.statistics.as<C>()[2 * r], log_sum = args.statistics.as<C>()[2 * r + 1];
        const C g = C(args.dlosses.as<T>()[r * args.dlosses.strides[0]]) * scale;
        if (args.dtarget.data) {
          T* d = args.dtarget.as<T>() + r * n;
#pragma omp simd
          for (int64_t c = 0; c < n; ++c) d[c] = T(g * keep * (log_sum - (C(x[c]) - max)));
        }
        if (!args.dlogits.data) continue;
        T* d = args.dlogits.as<T>() + r * n;
        if (ignored(t, r)) {
          std::fill_n(d, n, T(C(0)));
        } else if (has_indices(t)) {
#pragma omp simd
          for (int64_t c = 0; c < n; ++c)
            d[c] = T(g * (math::exp(C(x[c]) - max - log_sum) - uniform));
          const int64_t c = t.target.as<int64_t>()[r];
          d[c] = T(g * (math::exp(C(x[c]) - max - log_sum) - uniform - keep));
        } else {
          const T* p = t.target.as<T>() + r * n;
          const C mass = keep * row_sum(p, n) + C(t.label_smoothing);
#pragma omp simd
          for (int64_t c = 0; c < n; ++c)
            d[c] = T(g * (math::exp(C(x[c]) - max - log_sum) * mass - (keep * C(p[c]) + uniform)));
        }
      }
    });
  });
}

}  // namespace papilio::cpu
