#include "kernels/boft_linear.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/butterfly_rotation.h"
#include "kernels/copy.h"
#include "kernels/cpu/parallel.h"
#include "kernels/gemm.h"

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

template <class T>
View matrix(std::vector<T>& memory, int64_t rows, int64_t columns) {
  return {memory.data(), dtype_of<T>(), 2, {rows, columns}, {columns, 1}};
}

// ds of these columns from z itself: z = x (w R^T)^T, and the sums over rows of g z. T: the
// products' type, S: the rotation's.
template <class T, class S>
std::vector<compute_t<T>> by_product(const std::vector<int64_t>& columns,
                                     const ScaleGradient& args) {
  const int64_t rows = args.x.size(0), d = args.x.size(1), n = args.w.size(0);
  const auto count = int64_t(columns.size());
  std::vector<S> w(count * d), rotated(count * d);
  std::vector<T> g(rows * count), z(rows * count), converted;
  for (int64_t k = 0; k < count; ++k) {
    const S* row = args.w.as<S>() + columns[k] * args.w.strides[0];
    for (int64_t i = 0; i < d; ++i) w[k * d + i] = row[i * args.w.strides[1]];
    for (int64_t r = 0; r < rows; ++r) g[r * count + k] = args.g.as<T>()[r * n + columns[k]];
  }
  View factor = matrix(rotated, count, d);
  butterfly_rotation(factor, matrix(w, count, d), args.q, true);
  if constexpr (!std::is_same_v<S, T>) {
    converted.resize(count * d);
    copy(matrix(converted, count, d), factor);
    factor = matrix(converted, count, d);
  }
  std::swap(factor.shape[0], factor.shape[1]);
  std::swap(factor.strides[0], factor.strides[1]);
  gemm(matrix(z, rows, count), args.x, factor, 1, 0);
  std::vector<compute_t<T>> sums(3 * count);
  scale_gradient_sums(matrix(sums, 3, count), matrix(g, rows, count), matrix(z, rows, count), {});
  sums.resize(count);
  return sums;
}

template <class T, class S>
void scale_gradient_of(const ScaleGradient& args) {
  const int64_t rows = args.x.size(0), n = args.w.size(0);
  const auto* sums = args.sums.as<compute_t<T>>();
  std::vector<int64_t> again;
  for (int64_t j = 0; j < n; ++j) {
    const double mean = double(sums[n + j]) / double(rows);
    const double bias = args.bias.data ? double(args.bias.as<T>()[j]) : 0;
    double ds = 0;
    if (keeps_digits(mean, bias, args.x.dtype))
      ds = double(sums[j]) / double(args.s.as<S>()[j]);
    else if (rows > 0)
      again.push_back(j);
    args.ds.as<S>()[j] = S(compute_t<S>(ds));
  }
  if (again.empty()) return;
  const auto found = by_product<T, S>(again, args);
  for (size_t k = 0; k < again.size(); ++k) args.ds.as<S>()[again[k]] = S(found[k]);
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

void scale_gradient(const ScaleGradient& args) {
  dispatch_floating(args.x.dtype, [&]<class T>() {
    if (args.w.dtype == args.x.dtype)
      scale_gradient_of<T, T>(args);
    else
      scale_gradient_of<T, compute_t<T>>(args);
  });
}

}  // namespace papilio::cpu
