#include "kernels/cayley_neumann.h"

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/cpu/lanes.h"
#include "kernels/cpu/small_matrix.h"

namespace papilio::cpu {
namespace {

// Up to this b a lane holds a whole matrix.
constexpr int64_t kInLanes = 16;

// Entries V are scalars (one matrix) or vectors (a matrix a lane) of the type C; multiply(out,
// left, right) is the product of n x n matrices in that form.

// h = c_j I + A h_{j+1}, given the product; the last + 0 turns a negative zero into a positive one.
template <class C, class V>
void add_power(V* h, int64_t j, int64_t degree, int64_t n) {
  const C c = C(neumann_coefficient(j, degree));
  for (int64_t i = 0; i < n; ++i) h[i * n + i] += c;
  for (int64_t i = 0; i < n * n; ++i) h[i] += C(0);
}

// The last sum that needs no product: h_{k-1} = c_{k-1} I + c_k A, or h_0 = I for k = 0.
template <class C, class V>
void begin_series(V* h, const V* a, int64_t degree, int64_t n) {
  const C c = degree > 0 ? C(neumann_coefficient(degree, degree)) : C(0);
  for (int64_t i = 0; i < n * n; ++i) h[i] = degree > 0 ? a[i] * c : V{};
  add_power<C>(h, std::max<int64_t>(0, degree - 1), degree, n);
}

// h_0 = Q into q, through the scratch h. Both are n * n entries.
template <class C, class V, class Multiply>
void series(V* q, const V* a, V* h, int64_t degree, int64_t n, Multiply multiply) {
  if (degree % 2 == 0 && degree > 0) std::swap(q, h);  // so that the last product lands in q
  begin_series<C>(q, a, degree, n);
  for (int64_t j = degree - 2; j >= 0; --j) {
    std::swap(q, h);
    multiply(q, a, h);
    add_power<C>(q, j, degree, n);
  }
}

// da^T from t = dQ^T: dA^T = sum of h_{j+1} t_j with t_{j+1} = t_j A. Scratch: h holds degree
// matrices, t and other one each; t is used up.
template <class C, class V, class Multiply>
void series_backward(V* da_t, const V* a, V* t, V* other, V* h, int64_t degree, int64_t n,
                     Multiply multiply) {
  const int64_t size = n * n;
  std::fill_n(da_t, size, V{});
  if (degree == 0) return;
  // h_j at h + (j - 1) size for 1 <= j < k; h_k = c_k I needs no place.
  if (degree > 1) begin_series<C>(h + (degree - 2) * size, a, degree, n);
  for (int64_t j = degree - 2; j >= 1; --j) {
    multiply(h + (j - 1) * size, a, h + j * size);
    add_power<C>(h + (j - 1) * size, j, degree, n);
  }
  V* product = h + (degree - 1) * size;
  for (int64_t j = 0; j + 1 < degree; ++j) {
    multiply(product, h + j * size, t);
    for (int64_t i = 0; i < size; ++i) da_t[i] += product[i];
    multiply(other, t, a);
    std::swap(t, other);
  }
  const C last = C(neumann_coefficient(degree, degree));
  for (int64_t i = 0; i < size; ++i) da_t[i] += t[i] * last;
}

template <class C>
auto one_matrix(int64_t n) {
  return [n](C* out, const C* left, const C* right) {
    multiply_one(
        out, [=](int64_t i, int64_t k) { return left[i * n + k]; }, right, n);
  };
}

template <int B, class C>
auto matrix_a_lane(int n) {
  return [n](Vec<C>* out, const Vec<C>* left, const Vec<C>* right) {
    const int size = B ? B : n;
    multiply_lanes<B, C>(
        out, [=](int i, int k) -> const Vec<C>& { return left[i * size + k]; }, right, n);
  };
}

template <class C>
void forward_batch(C* q, const C* a, int64_t batch, int64_t b, int64_t degree) {
  const int64_t n = b * b;
  for_batch<C>(
      batch, b, kInLanes, 3,
      [=]<int B>(std::integral_constant<int, B>, Vec<C>* scratch, int64_t first, int64_t count) {
        load_transposed<C>(scratch, a + first * n, n, count, n);
        series<C>(scratch + n, scratch, scratch + 2 * n, degree, b, matrix_a_lane<B, C>(int(b)));
        store_transposed<C>(q + first * n, scratch + n, n, count, n);
      },
      [=](int64_t i) {
        std::vector<C> h(n);
        series<C>(q + i * n, a + i * n, h.data(), degree, b, one_matrix<C>(b));
      });
}

template <class C>
void backward_batch(C* da, const C* dq, const C* a, int64_t batch, int64_t b, int64_t degree) {
  const int64_t n = b * b;
  // out = in^T
  const auto transpose = [b](auto* out, const auto* in) {
    for (int64_t i = 0; i < b; ++i)
      for (int64_t j = 0; j < b; ++j) out[i * b + j] = in[j * b + i];
  };
  for_batch<C>(
      batch, b, kInLanes, 4 + std::max<int64_t>(1, degree),
      [=]<int B>(std::integral_constant<int, B>, Vec<C>* scratch, int64_t first, int64_t count) {
        Vec<C>*in = scratch, *da_t = in + n, *t = da_t + n, *other = t + n, *h = other + n;
        load_transposed<C>(other, dq + first * n, n, count, n);
        transpose(t, other);
        load_transposed<C>(in, a + first * n, n, count, n);
        series_backward<C>(da_t, in, t, other, h, degree, b, matrix_a_lane<B, C>(int(b)));
        transpose(in, da_t);
        store_transposed<C>(da + first * n, in, n, count, n);
      },
      [=](int64_t i) {
        std::vector<C> da_t(n), t(n), other(n), h(n * std::max<int64_t>(1, degree));
        transpose(t.data(), dq + i * n);
        series_backward<C>(da_t.data(), a + i * n, t.data(), other.data(), h.data(), degree, b,
                           one_matrix<C>(b));
        transpose(da + i * n, da_t.data());
      });
}

}  // namespace

void cayley_neumann(View q, ConstView a, int64_t terms) {
  const int64_t b = a.size(-1), total = a.numel(), batch = total ? total / (b * b) : 0;
  const int64_t degree = neumann_degree(terms);
  dispatch_floating(a.dtype, [&]<class T>() {
    if constexpr (is_half_type<T>) {
      std::vector<float> in(a.as<T>(), a.as<T>() + total), out(total);
      forward_batch(out.data(), in.data(), batch, b, degree);
      std::copy(out.begin(), out.end(), q.as<T>());
    } else {
      forward_batch(q.as<T>(), a.as<T>(), batch, b, degree);
    }
  });
}

void cayley_neumann_backward(View da, ConstView dq, ConstView a, int64_t terms) {
  const int64_t b = a.size(-1), total = a.numel(), batch = total ? total / (b * b) : 0;
  const int64_t degree = neumann_degree(terms);
  dispatch_floating(a.dtype, [&]<class T>() {
    if constexpr (is_half_type<T>) {
      std::vector<float> grad(dq.as<T>(), dq.as<T>() + total), in(a.as<T>(), a.as<T>() + total),
          out(total);
      backward_batch(out.data(), grad.data(), in.data(), batch, b, degree);
      std::copy(out.begin(), out.end(), da.as<T>());
    } else {
      backward_batch(da.as<T>(), dq.as<T>(), a.as<T>(), batch, b, degree);
    }
  });
}

}  // namespace papilio::cpu
