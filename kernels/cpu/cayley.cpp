#include "kernels/cayley.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/cpu/lanes.h"
#include "kernels/cpu/small_matrix.h"

namespace papilio::cpu {
namespace {

// The symmetric part of I + S is I, so elimination meets no zero pivot. Growth of rounding stays
// small while |S| <= 1; beyond, rows are exchanged (partial pivoting).
constexpr double kUnpivoted = 1;
// Up to this b a lane holds a whole matrix; above, a matrix's rows run across the lanes (measured).
constexpr int64_t kForwardInLanes = 32, kBackwardInLanes = 16;

// ---- one matrix at a time ----

// Gauss-Jordan inversion of the n x n matrix a, in place; with `exchange`, with partial pivoting.
template <class C>
void invert(C* a, int64_t n, bool exchange) {
  std::vector<C> column(n);
  std::vector<int64_t> swapped(exchange ? n : 0);
  for (int64_t p = 0; p < n; ++p) {
    C* pivot = a + p * n;
    if (exchange) {
      int64_t best = p;
      for (int64_t i = p + 1; i < n; ++i)
        if (std::abs(a[i * n + p]) > std::abs(a[best * n + p])) best = i;
      swapped[p] = best;
      if (best != p) std::swap_ranges(pivot, pivot + n, a + best * n);
    }
    const C inverse = C(1) / pivot[p];
    pivot[p] = 1;
    for (int64_t j = 0; j < n; ++j) pivot[j] *= inverse;
    for (int64_t i = 0; i < n; ++i) column[i] = i == p ? C(0) : std::exchange(a[i * n + p], C(0));
    for (int64_t i = 0; i < n; ++i) {
      if (i == p) continue;
      C* row = a + i * n;
      const C factor = column[i];
#pragma omp simd
      for (int64_t j = 0; j < n; ++j) row[j] -= factor * pivot[j];
    }
  }
  if (!exchange) return;
  for (int64_t p = n - 1; p >= 0; --p)  // exchanged rows of a are exchanged columns of its inverse
    for (int64_t i = 0; i < n && swapped[p] != p; ++i)
      std::swap(a[i * n + p], a[i * n + swapped[p]]);
}

template <class C>
void cayley_one(C* q, const C* r, int64_t n) {
  C largest = 0;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < i; ++j) {
      const C s = (r[i * n + j] - r[j * n + i]) * C(0.5);
      largest = std::max(largest, std::abs(s));
      q[i * n + j] = s;
      q[j * n + i] = -s;
    }
    q[i * n + i] = C(1) + (r[i * n + i] - r[i * n + i]);  // 1, or NaN if r is
  }
  invert(q, n, largest > C(kUnpivoted));
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j)  // + 0 turns a negative zero into a positive one
      q[i * n + j] = C(2) * q[i * n + j] + (i == j ? C(-1) : C(0));
}

// With U = I + Q and X = U dQ^T U: dS^T = -X / 2, so dR = (X - X^T) / 4.
template <class C>
void cayley_backward_one(C* dr, const C* dq, const C* q, int64_t n) {
  std::vector<C> u(q, q + n * n), v(n * n), x(n * n);
  for (int64_t i = 0; i < n; ++i) u[i * n + i] += C(1);
  multiply_one(
      v.data(), [&](int64_t i, int64_t k) { return dq[k * n + i]; }, u.data(), n);
  multiply_one(
      x.data(), [&](int64_t i, int64_t k) { return u[i * n + k]; }, v.data(), n);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) dr[i * n + j] = (x[i * n + j] - x[j * n + i]) * C(0.25);
}

// ---- a matrix a lane: the same formulas, entry by entry; n = B if B > 0 ----

template <int B, class C>
void cayley_lanes(C* q, const C* r, Vec<C>* scratch, int64_t count, int64_t size) {
  using V = Vec<C>;
  const int n = B ? B : int(size);
  V *in = scratch, *a = scratch + n * n;
  load_transposed<C>(in, r, n * n, count, n * n);
  auto large = V{} > V{};  // none yet
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      const V s = (in[i * n + j] - in[j * n + i]) * C(0.5);
      large |= s > C(kUnpivoted);  // S is skew: -s is there as well
      a[i * n + j] = i == j ? s + C(1) : s;
    }
  for (int p = 0; p < n; ++p) {
    V* pivot = a + p * n;
    const V inverse = C(1) / pivot[p];
    pivot[p] = V{} + C(1);
    for (int j = 0; j < n; ++j) pivot[j] *= inverse;
    for (int i = 0; i < n; ++i) {
      if (i == p) continue;
      V* row = a + i * n;
      const V factor = row[p];
      row[p] = V{};
      for (int j = 0; j < n; ++j) row[j] -= factor * pivot[j];
    }
  }
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) a[i * n + j] = C(2) * a[i * n + j] + (i == j ? C(-1) : C(0));
  store_transposed<C>(q, a, n * n, count, n * n);
  for (int64_t l = 0; l < count; ++l)
    if (large[l]) cayley_one(q + l * n * n, r + l * n * n, n);
}

template <int B, class C>
void cayley_backward_lanes(C* dr, const C* dq, const C* q, Vec<C>* scratch, int64_t count,
                           int64_t size) {
  using V = Vec<C>;
  const int n = B ? B : int(size);
  V *u = scratch, *g = u + n * n, *v = g + n * n;
  load_transposed<C>(u, q, n * n, count, n * n);
  load_transposed<C>(g, dq, n * n, count, n * n);
  for (int i = 0; i < n; ++i) u[i * n + i] += C(1);
  multiply_lanes<B, C>(
      v, [&](int i, int k) -> const V& { return g[k * n + i]; }, u, n);
  multiply_lanes<B, C>(
      g, [&](int i, int k) -> const V& { return u[i * n + k]; }, v, n);
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) u[i * n + j] = (g[i * n + j] - g[j * n + i]) * C(0.25);
  store_transposed<C>(dr, u, n * n, count, n * n);
}

template <class C>
void cayley_batch(C* q, const C* r, int64_t batch, int64_t b) {
  const int64_t n = b * b;
  for_batch<C>(
      batch, b, kForwardInLanes, 2,
      [=]<int B>(std::integral_constant<int, B>, Vec<C>* scratch, int64_t first, int64_t count) {
        cayley_lanes<B>(q + first * n, r + first * n, scratch, count, b);
      },
      [=](int64_t i) { cayley_one(q + i * n, r + i * n, b); });
}

template <class C>
void cayley_backward_batch(C* dr, const C* dq, const C* q, int64_t batch, int64_t b) {
  const int64_t n = b * b;
  for_batch<C>(
      batch, b, kBackwardInLanes, 3,
      [=]<int B>(std::integral_constant<int, B>, Vec<C>* scratch, int64_t first, int64_t count) {
        const int64_t at = first * n;
        cayley_backward_lanes<B>(dr + at, dq + at, q + at, scratch, count, b);
      },
      [=](int64_t i) { cayley_backward_one(dr + i * n, dq + i * n, q + i * n, b); });
}

}  // namespace

void cayley(View q, ConstView r) {
  const int64_t b = r.size(-1), total = r.numel(), batch = total ? total / (b * b) : 0;
  dispatch_floating(r.dtype, [&]<class T>() {
    if constexpr (is_half_type<T>) {
      std::vector<float> in(r.as<T>(), r.as<T>() + total), out(total);
      cayley_batch(out.data(), in.data(), batch, b);
      std::copy(out.begin(), out.end(), q.as<T>());
    } else {
      cayley_batch(q.as<T>(), r.as<T>(), batch, b);
    }
  });
}

void cayley_backward(View dr, ConstView dq, ConstView q) {
  const int64_t b = q.size(-1), total = q.numel(), batch = total ? total / (b * b) : 0;
  dispatch_floating(q.dtype, [&]<class T>() {
    if constexpr (is_half_type<T>) {
      std::vector<float> grad(dq.as<T>(), dq.as<T>() + total), in(q.as<T>(), q.as<T>() + total),
          out(total);
      cayley_backward_batch(out.data(), grad.data(), in.data(), batch, b);
      std::copy(out.begin(), out.end(), dr.as<T>());
    } else {
      cayley_backward_batch(dr.as<T>(), dq.as<T>(), q.as<T>(), batch, b);
    }
  });
}

}  // namespace papilio::cpu
