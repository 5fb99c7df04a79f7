#include "kernels/attention.h"

#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/cuda/row.h"
#include "kernels/math.h"

namespace papilio::cuda {
namespace {

// A warp for each query (or each key, in the backward pass). Its lanes look at 32 keys at a time,
// each at one of its own: they find 32 scores. Then they go over the features, each lane its own:
// key by key, a score times the key's value. Nothing of size (T, S) is ever stored.

constexpr int kParts = 4;  // features a lane keeps sums of at a time

// (B, H, rows, columns); the last stride is 1.
template <class T>
struct Heads {
  T* data;
  int64_t heads, batch_stride, head_stride, row_stride;
  template <class V>
  explicit Heads(const V& v)
      : data(v.template as<std::remove_const_t<T>>()),
        heads(v.shape[1]),
        batch_stride(v.strides[0]),
        head_stride(v.strides[1]),
        row_stride(v.strides[2]) {}
  __device__ T* row(int64_t head, int64_t r) const {
    return data + head / heads * batch_stride + head % heads * head_stride + r * row_stride;
  }
};

// Who sees whom of T queries and S keys.
struct Mask {
  Heads<const bool> rows;
  int64_t stride, T, S;
  bool causal;
  Mask(const ConstView& v, bool causal, int64_t T, int64_t S)
      : rows(v), stride(v.strides[3]), T(T), S(S), causal(causal) {}
  // Query i sees some of the first so many keys; key j is seen by none of the first so many
  // queries.
  __device__ int64_t keys(int64_t i) const { return visible_keys(causal, i, T, S); }
  __device__ int64_t first_query(int64_t j) const {
    return causal ? Larger()(int64_t(0), j - (S - T)) : 0;
  }
  __device__ bool sees(int64_t head, int64_t i, int64_t j) const {
    return j < keys(i) && (rows.data == nullptr || rows.row(head, i)[j * stride]);
  }
};

template <class T>
__device__ compute_t<T> dot(const T* x, const T* y, int64_t n) {
  compute_t<T> sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += compute_t<T>(x[i]) * compute_t<T>(y[i]);
  return sum;
}

// s_ij = scale q_i k_j, -inf if the query does not see the key.
template <class T>
struct Scores {
  Heads<const T> q, k;
  Mask mask;
  int64_t features;
  compute_t<T> scale;
  __device__ compute_t<T> operator()(int64_t head, int64_t i, int64_t j) const {
    return mask.sees(head, i, j) ? dot(q.row(head, i), k.row(head, j), features) * scale
                                 : -std::numeric_limits<compute_t<T>>::infinity();
  }
};

// p_ij, recomputed from the row's maximum and inverse sum.
template <class T>
struct Probabilities {
  Scores<T> scores;
  const compute_t<T>* statistics;
  int64_t queries;
  __device__ compute_t<T> operator()(int64_t head, int64_t i, int64_t j) const {
    const compute_t<T>* s = statistics + 2 * (head * queries + i);
    return math::exp(scores(head, i, j) - s[0]) * s[1];
  }
};

// ds_ij = scale p_ij (dout_i v_j - delta_i)
template <class T>
struct ScoreGradients {
  Probabilities<T> p;
  Heads<const T> dout, v;
  const compute_t<T>* delta;
  int64_t features;
  __device__ compute_t<T> operator()(int64_t head, int64_t i, int64_t j) const {
    const compute_t<T> dp = dot(dout.row(head, i), v.row(head, j), features);
    return p.scores.scale * p(head, i, j) * (dp - delta[head * p.queries + i]);
  }
};

// What a row of warps works through: row number of this warp, and how many warps there are.
__device__ int64_t first_warp() {
  return first_element() / kWarp;
}
__device__ int64_t warp_stride() {
  return grid_stride() / kWarp;
}

// sum_t += weight of lane l times x_l[feature of t], for l = 0, ..., count - 1
template <class T>
__device__ void add_weighted(compute_t<T> (&sum)[kParts], compute_t<T> weight,
                             const Heads<const T>& x, int64_t head, int64_t first, int64_t count,
                             int64_t feature, int64_t features) {
  for (int l = 0; l < kWarp && l < count; ++l) {
    const compute_t<T> w = __shfl_sync(kAllLanes, weight, l);
    const T* row = x.row(head, first + l);
    for (int t = 0; t < kParts; ++t)
      if (feature + t * kWarp < features) sum[t] += w * compute_t<T>(row[feature + t * kWarp]);
  }
}

// out_i = sum_j exp(s_ij - m) v_j / sum_j exp(s_ij - m), m the maximum so far: when it grows, what
// has been summed shrinks by exp(old m - new m).
template <class T, class C>
__global__ void attention_rows(Heads<T> out, C* statistics, Scores<T> scores, Heads<const T> v,
                               int64_t heads, int64_t queries, int64_t features) {
  constexpr C kNothing = -std::numeric_limits<C>::infinity();
  const int lane = int(threadIdx.x) % kWarp;
  for (int64_t row = first_warp(); row < heads * queries; row += warp_stride()) {
    const int64_t head = row / queries, i = row % queries, keys = scores.mask.keys(i);
    for (int64_t part = 0; part == 0 || part < features; part += kParts * kWarp) {
      C max = kNothing, shift = 0, total = 0, sum[kParts] = {};
      for (int64_t j = 0; j < keys; j += kWarp) {
        const C s = j + lane < keys ? scores(head, i, j + lane) : kNothing;
        const C before = max;
        max = Larger()(before, join_warp(s, Larger()));
        shift = max == kNothing ? C(0) : max;  // nothing seen yet: exp(-inf) = 0 all the same
        const C p = math::exp(s - shift), keep = math::exp(before - shift);
        total = total * keep + join_warp(p, Plus());
        for (C& x : sum) x *= keep;
        add_weighted<T>(sum, p, v, head, j, keys - j, part + lane, features);
      }
      const C inverse = keys == 0 ? C(0) : 1 / total;  // an empty sum of values is 0
      T* to = out.row(head, i);
      for (int t = 0; t < kParts; ++t) {
        const int64_t f = part + lane + t * kWarp;
        if (f < features) to[f] = T(sum[t] * inverse);
      }
      if (lane == 0) statistics[2 * row] = shift, statistics[2 * row + 1] = inverse;
    }
  }
}

// delta_i = dout_i out_i: a thread for each row.
template <class T, class C>
__global__ void row_dots(C* delta, Heads<const T> dout, Heads<const T> out, int64_t heads,
                         int64_t queries, int64_t features) {
  for (int64_t row = first_element(); row < heads * queries; row += grid_stride()) {
    const int64_t head = row / queries, i = row % queries;
    delta[row] = dot(dout.row(head, i), out.row(head, i), features);
  }
}

// y_r = sum_o w(r, o) x_o: dq from k; with `by_key`, w is asked for (o, r): dk from q and dv
// from dout.
template <class T, class Weight>
__global__ void weighted_rows(Heads<T> y, Weight weight, Mask mask, bool by_key, Heads<const T> x,
                              int64_t heads, int64_t rows, int64_t features) {
  using C = compute_t<T>;
  const int lane = int(threadIdx.x) % kWarp;
  for (int64_t row = first_warp(); row < heads * rows; row += warp_stride()) {
    const int64_t head = row / rows, r = row % rows;
    const int64_t first = by_key ? mask.first_query(r) : 0, end = by_key ? mask.T : mask.keys(r);
    for (int64_t part = 0; part < features; part += kParts * kWarp) {
      C sum[kParts] = {};
      for (int64_t o = first; o < end; o += kWarp) {
        const int64_t mine = o + lane;
        C w = 0;
        if (mine < end) w = by_key ? weight(head, mine, r) : weight(head, r, mine);
        add_weighted<T>(sum, w, x, head, o, end - o, part + lane, features);
      }
      T* to = y.row(head, r);
      for (int t = 0; t < kParts; ++t) {
        const int64_t f = part + lane + t * kWarp;
        if (f < features) to[f] = T(sum[t]);
      }
    }
  }
}

template <class T, class Weight>
void launch_weighted(const View& y, const Weight& weight, const Mask& mask, bool by_key,
                     const ConstView& x) {
  const int64_t heads = y.shape[0] * y.shape[1], rows = y.shape[2];
  launch(weighted_rows<T, Weight>, blocks_for(heads * rows, kBlock / kWarp), kBlock, 0, stream(),
         Heads<T>(y), weight, mask, by_key, Heads<const T>(x), heads, rows, y.shape[3]);
}

}  // namespace

void attention(View out, View statistics, ConstView q, ConstView k, ConstView v, ConstView mask,
               bool causal, double scale) {
  const int64_t heads = q.shape[0] * q.shape[1], queries = q.shape[2];
  dispatch_floating(q.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const Scores<T> scores{Heads<const T>(q), Heads<const T>(k),
                           Mask(mask, causal, queries, v.shape[2]), q.shape[3], C(scale)};
    launch(attention_rows<T, C>, blocks_for(heads * queries, kBlock / kWarp), kBlock, 0, stream(),
           Heads<T>(out), statistics.as<C>(), scores, Heads<const T>(v), heads, queries,
           v.shape[3]);
  });
}

void attention_backward(const AttentionBackward& args) {
  const int64_t heads = args.q.shape[0] * args.q.shape[1], queries = args.q.shape[2],
                features = args.v.shape[3];
  dispatch_floating(args.q.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const Scores<T> scores{Heads<const T>(args.q), Heads<const T>(args.k),
                           Mask(args.mask, args.causal, queries, args.v.shape[2]), args.q.shape[3],
                           C(args.scale)};
    const Probabilities<T> p{scores, args.statistics.as<C>(), queries};
    if (args.dv.data) launch_weighted<T>(args.dv, p, scores.mask, true, args.dout);
    if (!args.dq.data && !args.dk.data) return;
    const Scratch<C> delta(heads * queries);
    launch(row_dots<T, C>, blocks_for(heads * queries), kBlock, 0, stream(), delta.data(),
           Heads<const T>(args.dout), Heads<const T>(args.out), heads, queries, features);
    const ScoreGradients<T> ds{p, Heads<const T>(args.dout), Heads<const T>(args.v), delta.data(),
                               features};
    if (args.dq.data) launch_weighted<T>(args.dq, ds, scores.mask, false, args.k);
    if (args.dk.data) launch_weighted<T>(args.dk, ds, scores.mask, true, args.q);
  });
}

}  // namespace papilio::cuda
