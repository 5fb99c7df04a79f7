#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/cpu/attention_operands.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/scratch.h"
#include "kernels/cpu/simd.h"
#include "kernels/cpu/small_gemm.h"
#include "kernels/math.h"

namespace papilio::cpu {
namespace {

constexpr int64_t kQueries = 48,
                  kKeys = 128;  // of a tile; its scores stay in the first-level cache

// Sizes of one call: heads in all, queries, keys, features of q and k, features of v.
struct Sizes {
  int64_t heads, T, S, D, E;
  Sizes(const ConstView& q, const ConstView& v)
      : heads(q.shape[0] * q.shape[1]),
        T(q.shape[2]),
        S(v.shape[2]),
        D(q.shape[3]),
        E(v.shape[3]) {}
  // Keys of a tile: all tiles nearly the same size.
  template <class C>
  int64_t keys() const {
    const int64_t tiles = std::max<int64_t>(1, (S + kKeys - 1) / kKeys);
    return std::max<int64_t>(kSimdLanes<C>, round_up_to_lanes<C>((S + tiles - 1) / tiles));
  }
  int64_t grain() const { return 1 + (1 << 16) / (1 + T * S * (D + E)); }
};

// Matrix number `head` of a (B, H, rows, columns) view.
template <class T, class AnyView>
auto* matrix(const AnyView& x, int64_t head) {
  return x.template as<T>() + head / x.shape[1] * x.strides[0] + head % x.shape[1] * x.strides[1];
}
template <class T>
Rows<T> rows_of(const ConstView& x, int64_t head) {
  return {matrix<T>(x, head), x.strides[2]};
}

// The mask of a query from key `key` on, or null.
const bool* mask_row(const ConstView& mask, int64_t head, int64_t query, int64_t key) {
  if (!mask.data) return nullptr;
  return matrix<bool>(mask, head) + query * mask.strides[2] + key * mask.strides[3];
}

// 0, 1, ... kSimdLanes - 1
template <class C>
Simd<C> lane_numbers() {
  Simd<C> lane;
  for (int l = 0; l < kSimdLanes<C>; ++l) lane[l] = C(l);
  return lane;
}

// Scores that the query may not see become -inf, and all behind the first `visible`, the padding
// among them: by whole vectors, because the next to read them reads vectors.
template <class C>
void hide(C* s, int64_t visible, int64_t padded, const bool* mask, int64_t mask_stride) {
  constexpr int L = kSimdLanes<C>;
  constexpr C kHidden = -std::numeric_limits<C>::infinity();
  visible = std::max<int64_t>(visible, 0);
  if (mask)
    for (int64_t j = 0; j < visible; ++j) s[j] = mask[j * mask_stride] ? s[j] : kHidden;
  const Simd<C> lane = lane_numbers<C>(), hidden = splat<C>(kHidden);
  for (int64_t j = visible - visible % L; j < padded; j += L)
    store<C>(s + j, lane < C(visible - j) ? load(s + j) : hidden);
}

// s = scale s
template <class C>
void multiply(C* s, C scale, int64_t padded) {
  if (scale == 1) return;
  for (int64_t j = 0; j < padded; j += kSimdLanes<C>) store<C>(s + j, scale * load(s + j));
}

template <class C>
C maximum(const C* s, int64_t padded) {
  Simd<C> m = load(s);
  for (int64_t j = kSimdLanes<C>; j < padded; j += kSimdLanes<C>) {
    const Simd<C> x = load(s + j);
    m = x > m ? x : m;
  }
  return reduce_max<C>(m);
}

// s = exp(s - shift); returns the sum.
template <class C>
C exponentials(C* s, C shift, int64_t padded) {
  Simd<C> sum = {};
  for (int64_t j = 0; j < padded; j += kSimdLanes<C>) {
    for (int l = 0; l < kSimdLanes<C>; ++l) s[j + l] = math::exp(s[j + l] - shift);
    sum += load(s + j);
  }
  return reduce_add<C>(sum);
}

// s = exp(s - shift) inverse
template <class C>
void probabilities(C* s, C shift, C inverse, int64_t padded) {
  constexpr int L = kSimdLanes<C>;
  for (int64_t j = 0; j < padded; j += L)
    for (int l = 0; l < L; ++l) s[j + l] = math::exp(s[j + l] - shift) * inverse;
}

// d = p (d - delta) scale
template <class C>
void score_gradients(C* d, const C* p, C delta, C scale, int64_t padded) {
  for (int64_t j = 0; j < padded; j += kSimdLanes<C>)
    store<C>(d + j, load(p + j) * (load(d + j) - delta) * scale);
}

template <class T>
compute_t<T> dot(const T* x, const T* y, int64_t n) {
  using C = compute_t<T>;
  Simd<C> sum = {};
  int64_t i = 0;
  if constexpr (!is_half_type<T>)
    for (; i + kSimdLanes<C> <= n; i += kSimdLanes<C>) sum += load(x + i) * load(y + i);
  C rest = 0;
  for (; i < n; ++i) rest += C(x[i]) * C(y[i]);
  return reduce_add<C>(sum) + rest;
}

// s_j = scale q k_j^T of one query: packing the keys would take longer than the products.
template <class T>
void one_query(compute_t<T>* s, const T* q, Rows<T> keys, int64_t count, int64_t D,
               compute_t<T> scale) {
  for (int64_t j = 0; j < count; ++j) s[j] = scale * dot(q, keys[j], D);
}

// to_i = scale from_i for i < n
template <class T>
void store_row(T* to, const compute_t<T>* from, compute_t<T> scale, int64_t n) {
  constexpr int L = kSimdLanes<compute_t<T>>;
  int64_t i = 0;
  for (; i + L <= n; i += L)
    for (int l = 0; l < L; ++l) to[i + l] = T(from[i + l] * scale);
  for (; i < n; ++i) to[i] = T(from[i] * scale);
}
template <class T>
void store_rows(T* to, int64_t stride, const compute_t<T>* from, int64_t from_stride, int64_t rows,
                int64_t columns) {
  for (int64_t i = 0; i < rows; ++i)
    store_row<T>(to + i * stride, from + i * from_stride, compute_t<T>(1), columns);
}

template <class Operands, class T>
void forward(View out, View statistics, ConstView q, ConstView k, ConstView v, ConstView mask,
             bool causal, compute_t<T> scale) {
  using C = compute_t<T>;
  using Value = typename Operands::Value;
  const Sizes n(q, v);
  const int64_t keys = n.keys<C>(), Sp = round_up_to_lanes<C>(n.S);
  const int64_t Dp = round_up_to_lanes<C>(n.D), Ep = round_up_to_lanes<C>(n.E);
  const bool one = n.T == 1 && !is_half_type<T>;
  parallel_for(n.heads, n.grain(), [&](int64_t begin, int64_t end) {
    const Scratch<Value> kt_packed(n.D * Sp), v_packed(n.S * Ep), q_packed(kQueries * Dp);
    const Scratch<Value> p_packed(kQueries * keys);
    const Scratch<C> scores(kQueries * keys), sum_pv(kQueries * Ep);
    C shift[kQueries], sum[kQueries];
    for (int64_t head = begin; head < end; ++head) {
      typename Operands::Right kt{};
      if (!one) kt = Operands::transposed(kt_packed, rows_of<T>(k, head), n.S, n.D, scale);
      const auto vh = Operands::right(v_packed, rows_of<T>(v, head), n.S, n.E);
      for (int64_t i0 = 0; i0 < n.T; i0 += kQueries) {
        const int64_t rows = std::min(kQueries, n.T - i0);
        const Rows<T> q_tile{rows_of<T>(q, head)[i0], q.strides[2]};
        const auto qh = Operands::left(q_packed, q_tile, rows, n.D);
        C max[kQueries];
        for (int64_t r = 0; r < rows; ++r) max[r] = -std::numeric_limits<C>::infinity(), sum[r] = 0;
        if (n.S == 0) std::fill_n(static_cast<C*>(sum_pv), rows * Ep, C(0));
        const int64_t seen = visible_keys(causal, i0 + rows - 1, n.T, n.S);  // by the last
        for (int64_t j0 = 0; j0 < seen; j0 += keys) {
          const int64_t count = std::min(keys, seen - j0), padded = round_up_to_lanes<C>(count);
          if (one)
            one_query<T>(scores, q_tile[0], {rows_of<T>(k, head)[j0], k.strides[2]}, count, n.D,
                         scale);
          else
            Operands::product({.rows = rows, .columns = count, .inner = n.D}, {scores, keys}, qh,
                              {kt.data + j0, kt.stride});
          for (int64_t r = 0; r < rows; ++r) {
            C* s = scores + r * keys;
            const bool* m = mask_row(mask, head, i0 + r, j0);
            const int64_t visible = visible_keys(causal, i0 + r, n.T, n.S) - j0;
            multiply(s, Operands::missing(scale), padded);
            hide(s, std::min(visible, count), padded, m, mask.strides[3]);
            const C before = max[r], here = maximum(s, padded);
            max[r] = before > here ? before : here;
            shift[r] = max[r] == -std::numeric_limits<C>::infinity() ? C(0) : max[r];
            const C part = exponentials(s, shift[r], padded);
            const C keep = j0 ? math::exp(before - shift[r]) : C(0);
            sum[r] = sum[r] * keep + part;
            if (j0 && keep != 1)
              for (int64_t c = 0; c < Ep; ++c) sum_pv[r * Ep + c] *= keep;
          }
          Operands::product({.rows = rows, .columns = n.E, .inner = count}, {sum_pv, Ep},
                            Operands::of_sums(p_packed, {scores, keys}, rows, padded),
                            Operands::from(vh, j0), j0 > 0);
        }
        C* stats = statistics.as<C>() + 2 * (head * n.T + i0);
        T* y = matrix<T>(out, head) + i0 * out.strides[2];
        for (int64_t r = 0; r < rows; ++r) {
          const C inverse = n.S == 0 ? C(0) : 1 / sum[r];  // an empty sum of values is 0
          stats[2 * r] = shift[r], stats[2 * r + 1] = inverse;
          store_row<T>(y + r * out.strides[2], sum_pv + r * Ep, inverse, n.E);
        }
      }
    }
  });
}

template <class Operands, class T>
void backward(const AttentionBackward& args) {
  using C = compute_t<T>;
  using Value = typename Operands::Value;
  const bool need_ds = args.dq.data || args.dk.data;
  const C scale = C(args.scale);
  const Sizes n(args.q, args.v);
  const int64_t keys = n.keys<C>(), Sp = round_up_to_lanes<C>(n.S);
  const int64_t Dp = round_up_to_lanes<C>(n.D), Ep = round_up_to_lanes<C>(n.E);
  parallel_for(n.heads, n.grain(), [&](int64_t begin, int64_t end) {
    const Scratch<Value> kt_packed(n.D * Sp), vt_packed(n.E * Sp), k_packed(n.S * Dp);
    const Scratch<Value> q_packed(kQueries * Dp), dout_packed(kQueries * Ep);
    const Scratch<Value> sums_packed(kQueries * keys);
    const Scratch<C> p(kQueries * keys), ds(kQueries * keys);
    const Scratch<C> dq_tile(kQueries * Dp), dk_sum(n.S * Dp), dv_sum(n.S * Ep);
    for (int64_t head = begin; head < end; ++head) {
      const Rows<T> kh = rows_of<T>(args.k, head);
      const auto kt = Operands::transposed(kt_packed, kh, n.S, n.D, scale);
      typename Operands::Right vt{}, k_rows{};
      if (need_ds) vt = Operands::transposed(vt_packed, rows_of<T>(args.v, head), n.S, n.E, C(1));
      if (args.dq.data) k_rows = Operands::right(k_packed, kh, n.S, n.D);
      if (n.T == 0 || args.causal) {  // no tile writes them, or the first ones only some
        std::fill_n(static_cast<C*>(dk_sum), n.S * Dp, C(0));
        std::fill_n(static_cast<C*>(dv_sum), n.S * Ep, C(0));
      }
      for (int64_t i0 = 0; i0 < n.T; i0 += kQueries) {
        const int64_t rows = std::min(kQueries, n.T - i0);
        if (n.S == 0) std::fill_n(static_cast<C*>(dq_tile), rows * Dp, C(0));
        const Rows<T> q_tile{rows_of<T>(args.q, head)[i0], args.q.strides[2]};
        const Rows<T> dout_tile{rows_of<T>(args.dout, head)[i0], args.dout.strides[2]};
        const Rows<T> out_tile{rows_of<T>(args.out, head)[i0], args.out.strides[2]};
        const auto qh = Operands::both(q_packed, q_tile, rows, n.D);
        const auto dy = Operands::both(dout_packed, dout_tile, rows, n.E);
        const C* stats = args.statistics.as<C>() + 2 * (head * n.T + i0);
        C delta[kQueries];
        for (int64_t r = 0; r < rows && need_ds; ++r)
          delta[r] = dot(dout_tile[r], out_tile[r], n.E);
        const int64_t seen = visible_keys(args.causal, i0 + rows - 1, n.T, n.S);
        const bool add = i0 > 0 || args.causal;
        for (int64_t j0 = 0; j0 < seen; j0 += keys) {
          const int64_t count = std::min(keys, seen - j0), padded = round_up_to_lanes<C>(count);
          Operands::product({.rows = rows, .columns = count, .inner = n.D}, {p, keys}, qh.left,
                            {kt.data + j0, kt.stride});
          if (need_ds)
            Operands::product({.rows = rows, .columns = count, .inner = n.E}, {ds, keys}, dy.left,
                              {vt.data + j0, vt.stride});
          for (int64_t r = 0; r < rows; ++r) {
            C *s = p + r * keys, *d = ds + r * keys;
            const bool* m = mask_row(args.mask, head, i0 + r, j0);
            const int64_t visible = visible_keys(args.causal, i0 + r, n.T, n.S) - j0;
            multiply(s, Operands::missing(scale), padded);
            hide(s, std::min(visible, count), padded, m, args.mask.strides[3]);
            probabilities(s, stats[2 * r], stats[2 * r + 1], padded);
            if (need_ds) score_gradients(d, s, delta[r], scale, padded);
          }
          // p^T dout, ds^T q and ds k; p and ds are 0 behind the last key.
          if (args.dv.data)
            Operands::product(
                {.rows = count, .columns = n.E, .inner = rows}, {dv_sum + j0 * Ep, Ep},
                Operands::of_sums_transposed(sums_packed, {p, keys}, rows, padded), dy.right, add);
          if (args.dk.data)
            Operands::product(
                {.rows = count, .columns = n.D, .inner = rows}, {dk_sum + j0 * Dp, Dp},
                Operands::of_sums_transposed(sums_packed, {ds, keys}, rows, padded), qh.right, add);
          if (args.dq.data)
            Operands::product({.rows = rows, .columns = n.D, .inner = count}, {dq_tile, Dp},
                              Operands::of_sums(sums_packed, {ds, keys}, rows, padded),
                              Operands::from(k_rows, j0), j0 > 0);
        }
        if (args.dq.data)
          store_rows<T>(matrix<T>(args.dq, head) + i0 * args.dq.strides[2], args.dq.strides[2],
                        dq_tile, Dp, rows, n.D);
      }
      if (args.dk.data)
        store_rows<T>(matrix<T>(args.dk, head), args.dk.strides[2], dk_sum, Dp, n.S, n.D);
      if (args.dv.data)
        store_rows<T>(matrix<T>(args.dv, head), args.dv.strides[2], dv_sum, Ep, n.S, n.E);
    }
  });
}

// Calls f by the operands for values of that type.
template <class F>
void with_operands(DType dtype, F&& f) {
  dispatch_floating(dtype, [&]<class T>() {
    if constexpr (std::is_same_v<T, BFloat16>)
      if (multiplies_pairs()) return f.template operator()<PairOperands, T>();
    f.template operator()<SingleOperands<T>, T>();
  });
}

}  // namespace

void attention(View out, View statistics, ConstView q, ConstView k, ConstView v, ConstView mask,
               bool causal, double scale) {
  with_operands(q.dtype, [&]<class Operands, class T>() {
    forward<Operands, T>(out, statistics, q, k, v, mask, causal, compute_t<T>(scale));
  });
}

void attention_backward(const AttentionBackward& args) {
  with_operands(args.q.dtype, [&]<class Operands, class T>() { backward<Operands, T>(args); });
}

}  // namespace papilio::cpu
