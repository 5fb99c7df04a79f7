#include "kernels/boft_linear.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/cpu/parallel.h"

namespace papilio::cpu {
namespace {

// K rows' terms of the three sums of scale_gradient_sums.
template <int K, class C, class T>
void add_rows(C* gz, C* z, C* gs, const T* g, const T* y, const C* bias, int64_t n) {
#pragma omp simd
  for (int64_t j = 0; j < n; ++j) {
    C sum_gz = 0, sum_z = 0, sum_g = 0;
    for (int k = 0; k < K; ++k) {
      const C value = C(y[k * n + j]) - bias[j], gradient = C(g[k * n + j]);
      sum_gz += gradient * value;
      sum_z += std::abs(value);
      sum_g += gradient;
    }
    gz[j] += sum_gz;
    z[j] += sum_z;
    gs[j] += sum_g;
  }
}

}  // namespace

void scale_rows(View w, ConstView s) {
  const int64_t rows = w.size(0), d = w.size(1);
  dispatch_floating(w.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const T* factor = s.as<T>();
    parallel_for(rows, (1 << 16) / (d + 1) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const C f = C(factor[i]);
        T* row = w.as<T>() + i * d;
#pragma omp simd
        for (int64_t j = 0; j < d; ++j) row[j] = T(C(row[j]) * f);
      }
    });
  });
}

void scale_columns(View y, ConstView s, ConstView bias) {
  const int64_t rows = y.size(0), n = y.size(1);
  dispatch_floating(y.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const std::vector<C> factor(s.as<T>(), s.as<T>() + n);
    std::vector<C> b(n, C(-0.0));  // what changes no sum, not even a negative zero
    if (bias.data) std::copy_n(bias.as<T>(), n, b.begin());
    parallel_for(rows, (1 << 16) / (n + 1) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        T* row = y.as<T>() + r * n;
#pragma omp simd
        for (int64_t j = 0; j < n; ++j) row[j] = T(C(row[j]) * factor[j] + b[j]);
      }
    });
  });
}

void scale_gradient_sums(View sums, ConstView g, ConstView y, ConstView bias) {
  const int64_t rows = g.size(0), n = g.size(1);
  const int64_t parts = std::clamp<int64_t>(rows / 64, 1, 64);  // fixed, summed in order
  dispatch_floating(g.dtype, [&]<class T>() {
    using C = compute_t<T>;
    std::vector<C> b(n);
    if (bias.data) std::copy_n(bias.as<T>(), n, b.begin());
    std::vector<C> partial(parts * 3 * n);
    parallel_for(parts, (1 << 15) * parts / (rows * n + 1) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) {
        C *gz = partial.data() + part * 3 * n, *z = gz + n, *gs = z + n;
        const int64_t last = rows * (part + 1) / parts;
        int64_t r = rows * part / parts;
        // Four rows at a time: a quarter of the passes over the sums.
        for (; r + 4 <= last; r += 4)
          add_rows<4>(gz, z, gs, g.as<T>() + r * n, y.as<T>() + r * n, b.data(), n);
        for (; r < last; ++r)
          add_rows<1>(gz, z, gs, g.as<T>() + r * n, y.as<T>() + r * n, b.data(), n);
      }
    });
    C* total = sums.as<C>();
    std::fill_n(total, 3 * n, C(0));
    for (int64_t part = 0; part < parts; ++part)
#pragma omp simd
      for (int64_t j = 0; j < 3 * n; ++j) total[j] += partial[part * 3 * n + j];
  });
}

}  // namespace papilio::cpu
