// A tile of rows (one a lane) times a span of whole segments stays in the cache while all m factors
// pass over it.
#include "kernels/butterfly_rotation.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/cpu/lanes.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/small_gemm.h"
#include "kernels/detail/butterfly_blocks.h"
#include "kernels/detail/dispatch_size.h"
#include "kernels/segment_outer.h"

namespace papilio::cpu {
namespace {

// A tile's columns: whole segments and, if possible, whole vectors.
struct Shape : ButterflySizes {
  int64_t span;

  Shape(int64_t rows, ConstView q) : ButterflySizes(rows, q) {
    constexpr int64_t kVector = 16, kColumns = 64;
    const int64_t step = w * (kVector / std::gcd(w, kVector));  // least common multiple
    span = std::min(d, step * std::max<int64_t>(1, kColumns / step));
  }
  int64_t spans() const { return (d + span - 1) / span; }
  int64_t columns(int64_t s) const { return std::min(span, d - s * span); }  // of span s
};

// q's blocks in the type to compute in.
template <class C, class T>
struct Factors {
  std::vector<C> copy;
  const C* data;
  explicit Factors(ConstView q) {
    if constexpr (std::is_same_v<C, T>) {
      data = q.as<T>();
    } else {
      copy.assign(q.as<T>(), q.as<T>() + q.numel());
      data = copy.data();
    }
  }
};

// out[j] = sum over k of x[k] Q[k, j], Q^T instead of Q if Transposed; x's second half begins at
// x_hi, out's at out_hi. Eight sums stay in registers. B > 0: b at compile time.
template <int B, bool Transposed, class C>
inline void rotate_block(Vec<C>* out, Vec<C>* out_hi, const Vec<C>* x, const Vec<C>* x_hi,
                         const C* q, int64_t size) {
  const int64_t b = B ? B : size, h = b / 2;
  constexpr int kSums = B ? std::min(B, 8) : 8;
  const auto at = [=](int64_t k, int64_t j) { return Transposed ? q[j * b + k] : q[k * b + j]; };
  const auto element = [=](int64_t k) -> const Vec<C>& { return k < h ? x[k] : x_hi[k - h]; };
  const auto result = [=](int64_t j) -> Vec<C>& { return j < h ? out[j] : out_hi[j - h]; };
  const int64_t whole = b - b % kSums;
  for (int64_t j0 = 0; j0 < whole; j0 += kSums) {
    Vec<C> sum[kSums];
#pragma GCC unroll 8
    for (int j = 0; j < kSums; ++j) sum[j] = element(0) * at(0, j0 + j);
    for (int64_t k = 1; k < b; ++k) {
      const Vec<C> xk = element(k);
#pragma GCC unroll 8
      for (int j = 0; j < kSums; ++j) sum[j] += xk * at(k, j0 + j);
    }
#pragma GCC unroll 8
    for (int j = 0; j < kSums; ++j) result(j0 + j) = sum[j];
  }
  for (int64_t j = whole; j < b; ++j) {
    Vec<C> sum = element(0) * at(0, j);
    for (int64_t k = 1; k < b; ++k) sum += element(k) * at(k, j);
    result(j) = sum;
  }
}

// One factor on a tile of `blocks` blocks.
template <int B, bool Transposed, class C>
void rotate_tile(Vec<C>* out, const Vec<C>* x, const C* q, int64_t i, int64_t blocks,
                 int64_t size) {
  const int64_t b = B ? B : size;
  for (int64_t n = 0; n < blocks; ++n) {
    const Halves<int64_t> at(n, i, b);
    rotate_block<B, Transposed>(out + at.lo, out + at.hi, x + at.lo, x + at.hi, q + n * b * b, b);
  }
}

template <int B, bool Transposed, class T>
void rotate(T* y, const T* x, const compute_t<T>* q, const Shape& s) {
  using C = compute_t<T>;
  constexpr int64_t n = kLanes<C>;
  const int64_t tasks = (s.rows + n - 1) / n * s.spans();
  const int64_t grain = std::max<int64_t>(1, 30000 / (s.span * (s.m * s.b + 8)));
  parallel_for(tasks, grain, [&](int64_t begin, int64_t end) {
    const LaneBuffer<C> tiles(2 * s.span);
    for (int64_t t = begin; t < end; ++t) {
      const int64_t r = t / s.spans() * n, c = t % s.spans() * s.span;
      const int64_t rows = std::min(n, s.rows - r), columns = std::min(s.span, s.d - c);
      Vec<C>*tile = tiles.get(), *next = tile + s.span;
      load_transposed<C>(tile, x + r * s.d + c, s.d, rows, columns);
      for (int64_t step = 0; step < s.m; ++step) {
        // x R meets the last factor first, x R^T the first.
        const int64_t i = Transposed ? step : s.m - 1 - step;
        const C* blocks = q + i * s.factor_size() + c * s.b;
        rotate_tile<B, Transposed>(next, tile, blocks, i, columns / s.b, s.b);
        std::swap(tile, next);
      }
      store_transposed<C>(y + r * s.d + c, tile, s.d, rows, columns);
    }
  });
}

// Whether a factor alone, whose blocks are whole vectors wide, is a small product a block: the sum
// of a row's columns stays in registers, so y may be x, and nothing is transposed.
template <class T>
bool is_small_products(const Shape& s) {
  constexpr int64_t lanes = kSimdLanes<compute_t<T>>, most = kSimdRegisters == 32 ? 4 : 2;
  return s.m == 1 && s.b % lanes == 0 && s.b <= most * lanes;
}

// The next block's lines come near while this one is multiplied: its rows lie d elements apart,
// which no prefetcher foresees. To the second level only: at d = 1536 all rows share a few sets of
// the first.
template <class C>
void prefetch_block(C* y, const C* x, int64_t rows, const Shape& s) {
  constexpr int64_t kLine = 64 / sizeof(C);
  constexpr int kRead = 0, kSecondLevel = 2;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < s.b; j += kLine) {
      __builtin_prefetch(x + r * s.d + j, kRead, kSecondLevel);
      __builtin_prefetch(y + r * s.d + j, kRead, kSecondLevel);
    }
}

// The bits of rotate: each element sums in the same order.
template <class C>
void rotate_by_products(C* y, const C* x, const C* q, const Shape& s, bool transposed) {
  constexpr int64_t kRows = 32;
  std::vector<C> turned(transposed ? s.factor_size() : 0);
  for (int64_t n = 0; transposed && n < s.blocks; ++n)
    for (int64_t k = 0; k < s.b; ++k)
      for (int64_t j = 0; j < s.b; ++j)
        turned[(n * s.b + k) * s.b + j] = q[(n * s.b + j) * s.b + k];
  const C* const blocks = transposed ? turned.data() : q;
  parallel_for((s.rows + kRows - 1) / kRows, 1 + (1 << 17) / (kRows * s.d * s.b),
               [&](int64_t begin, int64_t end) {
                 for (int64_t r = begin * kRows; r < std::min(end * kRows, s.rows); r += kRows)
                   for (int64_t n = 0; n < s.blocks; ++n) {
                     const int64_t at = r * s.d + n * s.b, rows = std::min(kRows, s.rows - r);
                     if (n + 1 < s.blocks) prefetch_block(y + at + s.b, x + at + s.b, rows, s);
                     small_gemm<C>({.rows = rows, .columns = s.b, .inner = s.b}, {y + at, s.d},
                                   {x + at, s.d, 1}, {blocks + n * s.b * s.b, s.b});
                   }
               });
}

// sums[e] += the lanes of acc[e] added up, 16 entries at a time through a transpose.
template <class C>
void add_lanes(C* sums, Vec<C>* acc, int64_t count) {
  constexpr int n = kLanes<C>;
  int64_t e = 0;
  for (; e + n <= count; e += n) {
    transpose_square<n>(acc + e);
    Vec<C> total;
    load_lanes<C>(total, sums + e);
    for (int l = 0; l < n; ++l) total += acc[e + l];
    store_lanes<C>(sums + e, total);
  }
  for (; e < count; ++e)
    for (int l = 0; l < n; ++l) sums[e] += acc[e][l];
}

// acc[k, j] += x[k] g[j] of every block of one factor's tile: the gradient of Q, one partial sum a
// lane.
template <int B, class C>
void outer_tile(Vec<C>* acc, const Vec<C>* x, const Vec<C>* g, int64_t i, int64_t blocks,
                int64_t size) {
  const int64_t b = B ? B : size, h = b / 2;
  for (int64_t n = 0; n < blocks; ++n, acc += b * b) {
    const Halves<int64_t> at(n, i, b);
    for (int64_t k = 0; k < b; ++k) {
      const Vec<C> xk = k < h ? x[at.lo + k] : x[at.hi + k - h];
      Vec<C>* row = acc + k * b;
      for (int64_t j = 0; j < h; ++j) row[j] += xk * g[at.lo + j];
      for (int64_t j = h; j < b; ++j) row[j] += xk * g[at.hi + j - h];
    }
  }
}

// Walks the factors backwards, tile by tile: the inputs of every factor are computed again from x
// into the cache, then the gradient meets Q^T, first factor 0's. dq is summed over `parts` fixed
// parts of the rows, and then over the parts.
template <int B, class T, class In>
void walk(T* dx, T* dq, const In* dy, const In* x, const compute_t<T>* q, const Shape& s) {
  using C = compute_t<T>;
  constexpr int64_t n = kLanes<C>;
  const int64_t size = s.m * s.factor_size(), tiles = (s.rows + n - 1) / n;
  const int64_t parts = std::clamp<int64_t>(tiles / 8, 1, 32);
  std::vector<C> partial(dq ? parts * size : 0);
  const int64_t grain = std::max<int64_t>(1, 10000 * parts / (tiles * s.span * s.m * s.b + 1));
  parallel_for(parts * s.spans(), grain, [&](int64_t begin, int64_t end) {
    const int64_t entries = dq ? s.m * s.span * s.b : 0;
    const LaneBuffer<C> buffer(entries + (s.m + 2) * s.span);
    Vec<C>*acc = buffer.get(), *z = acc + entries;  // z + i * span: the input of factor i
    for (int64_t t = begin; t < end; ++t) {
      const int64_t part = t / s.spans(), c = t % s.spans() * s.span;
      const int64_t columns = std::min(s.span, s.d - c), blocks = columns / s.b;
      std::fill_n(acc, entries, Vec<C>{});
      for (int64_t tile = tiles * part / parts; tile < tiles * (part + 1) / parts; ++tile) {
        const int64_t r = tile * n, rows = std::min(n, s.rows - r);
        const auto factor = [&](int64_t i) { return q + i * s.factor_size() + c * s.b; };
        Vec<C>*g = z + s.m * s.span, *next = g + s.span;
        load_transposed<C>(g, dy + r * s.d + c, s.d, rows, columns);
        if (dq) {
          load_transposed<C>(z + (s.m - 1) * s.span, x + r * s.d + c, s.d, rows, columns);
          for (int64_t i = s.m - 1; i > 0; --i)
            rotate_tile<B, false>(z + (i - 1) * s.span, z + i * s.span, factor(i), i, blocks, s.b);
        }
        for (int64_t i = 0; i < s.m; ++i) {
          if (dq) outer_tile<B, C>(acc + i * columns * s.b, z + i * s.span, g, i, blocks, s.b);
          if (!dx && i == s.m - 1) break;
          rotate_tile<B, true>(next, g, factor(i), i, blocks, s.b);
          std::swap(g, next);
        }
        if (dx) store_transposed<C>(dx + r * s.d + c, g, s.d, rows, columns);
      }
      for (int64_t i = 0; dq && i < s.m; ++i)
        add_lanes(partial.data() + part * size + i * s.factor_size() + c * s.b,
                  acc + i * columns * s.b, columns * s.b);
    }
  });
  if (!dq) return;
  parallel_for(size, 1 << 16, [&](int64_t begin, int64_t end) {
    for (int64_t e = begin; e < end; ++e) {
      C sum = 0;
      for (int64_t p = 0; p < parts; ++p) sum += partial[p * size + e];
      dq[e] = T(sum);
    }
  });
}

// f with b as a compile-time number if that pays, else with 0.
template <class F>
void dispatch_block(int64_t b, F&& f) {
  dispatch_size_or_0<2, 4, 8, 16>(b, f);
}

}  // namespace

void butterfly_rotation(View y, ConstView x, ConstView q, bool transposed) {
  const Shape s(x.size(0), q);
  if (x.numel() == 0) return;
  dispatch_floating(x.dtype, [&]<class T>() {
    const Factors<compute_t<T>, T> factors(q);
    if constexpr (!is_half_type<T>)
      if (is_small_products<T>(s))
        return rotate_by_products(y.as<T>(), x.as<T>(), factors.data, s, transposed);
    dispatch_block(s.b, [&]<int B>(std::integral_constant<int, B>) {
      if (transposed)
        rotate<B, true>(y.as<T>(), x.as<T>(), factors.data, s);
      else
        rotate<B, false>(y.as<T>(), x.as<T>(), factors.data, s);
    });
  });
}

void butterfly_segment_backward(View dq, ConstView dr, ConstView q) {
  const Shape s(dr.size(0), q);
  dispatch_floating(q.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const C* grad = dr.as<C>();
    T* out = dq.as<T>();
    if (s.m == 1) {  // a segment is a block
      for (int64_t n = 0; n < s.blocks; ++n)
        for (int64_t k = 0; k < s.b; ++k)
          std::copy_n(grad + k * s.d + n * s.b, s.b, out + (n * s.b + k) * s.b);
      return;
    }
    // R's segments are the identity's rows rotated, so walk back from there.
    std::vector<C> identity(s.w * s.d);
    for (int64_t c = 0; c < s.d; ++c) identity[c % s.w * s.d + c] = 1;
    const Factors<C, T> factors(q);
    dispatch_block(s.b, [&]<int B>(std::integral_constant<int, B>) {
      walk<B>(static_cast<T*>(nullptr), out, grad, identity.data(), factors.data, s);
    });
  });
}

void butterfly_rotation_backward(View dx, View dq, ConstView dy, ConstView x, ConstView q) {
  if (!dq.data) return butterfly_rotation(dx, dy, q, true);
  const Shape s(x.size(0), q);
  if (prefer_segments(s.rows, s.b, s.m)) {
    if (dx.data) butterfly_rotation(dx, dy, q, true);
    LaneBuffer<double> buffer((s.w * s.d + 7) / 8);
    View dr{buffer.get(),
            q.dtype == DType::float64 ? DType::float64 : DType::float32,
            2,
            {s.w, s.d},
            {s.d, 1}};
    segment_outer(dr, x, dy);
    return butterfly_segment_backward(dq, dr, q);
  }
  dispatch_floating(q.dtype, [&]<class T>() {
    const Factors<compute_t<T>, T> factors(q);
    dispatch_block(s.b, [&]<int B>(std::integral_constant<int, B>) {
      walk<B>(dx.as<T>(), dq.as<T>(), dy.as<T>(), x.as<T>(), factors.data, s);
    });
  });
}

}  // namespace papilio::cpu
