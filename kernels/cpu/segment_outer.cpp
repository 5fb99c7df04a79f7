#include "kernels/segment_outer.h"

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/cpu/lanes.h"
#include "kernels/cpu/parallel.h"

namespace papilio::cpu {
namespace {

// Rows summed in registers before they join the part's sums: short sums first keep float32
// accurate.
constexpr int64_t kBlock = 32;

// acc += g times v with entry k of every group of w lanes spread over its group.
template <class C, int w, int k>
inline void add_spread(Vec<C>& acc, const Vec<C>& v, const Vec<C>& g) {
  [&]<int... l>(std::integer_sequence<int, l...>) {
    acc += __builtin_shufflevector(v, v, (l - l % w + k)...) * g;
  }
  (std::make_integer_sequence<int, kLanes<C>>{});
}

// w < lanes, several segments a vector: sums[k] (stride ld) += x[:, k] * g over the rows of one
// vector of columns.
template <int w, class C, class T>
void narrow(C* sums, int64_t ld, const T* x, const T* g, int64_t stride, int64_t rows) {
  [&]<int... k>(std::integer_sequence<int, k...>) {
    Vec<C> acc[w] = {};
    for (int64_t r = 0; r < rows; ++r) {
      // Columns are walked across rows, which hardware does not foresee: ask for the next block.
      __builtin_prefetch(x + (r + kBlock) * stride);
      __builtin_prefetch(g + (r + kBlock) * stride);
      Vec<C> xr, gr;
      load_lanes<C>(xr, x + r * stride);
      load_lanes<C>(gr, g + r * stride);
      (add_spread<C, w, k>(acc[k], xr, gr), ...);
    }
    for (int i = 0; i < w; ++i) {
      Vec<C> sum;
      load_lanes<C>(sum, sums + i * ld);
      sum += acc[i];
      store_lanes<C>(sums + i * ld, sum);
    }
  }
  (std::make_integer_sequence<int, w>{});
}

// K rows by J vectors of one segment's product: sums[i, :] (stride ld) += x[r, i] * g[r, :].
template <int K, int J, class C, class T>
void wide(C* sums, int64_t ld, const T* x, const T* g, int64_t stride, int64_t rows) {
  constexpr int n = kLanes<C>;
  Vec<C> acc[K][J] = {};
  for (int64_t r = 0; r < rows; ++r) {
    Vec<C> gr[J];
#pragma GCC unroll 2
    for (int j = 0; j < J; ++j) load_lanes<C>(gr[j], g + r * stride + j * n);
#pragma GCC unroll 8
    for (int i = 0; i < K; ++i) {
      const C xi = C(x[r * stride + i]);
#pragma GCC unroll 2
      for (int j = 0; j < J; ++j) acc[i][j] += gr[j] * xi;
    }
  }
  for (int i = 0; i < K; ++i)
    for (int j = 0; j < J; ++j) {
      Vec<C> sum;
      load_lanes<C>(sum, sums + i * ld + j * n);
      sum += acc[i][j];
      store_lanes<C>(sums + i * ld + j * n, sum);
    }
}

// All of one segment's product; w a multiple of 8 and of the lanes.
template <class C, class T>
void wide_segment(C* sums, int64_t ld, const T* x, const T* g, int64_t stride, int64_t rows,
                  int64_t w) {
  constexpr int64_t n = kLanes<C>;
  for (int64_t k = 0; k < w; k += 8) {
    C* to = sums + k * ld;
    int64_t j = 0;
    for (; j + 2 * n <= w; j += 2 * n) wide<8, 2>(to + j, ld, x + k, g + j, stride, rows);
    for (; j < w; j += n) wide<8, 1>(to + j, ld, x + k, g + j, stride, rows);
  }
}

// Any w and 16-bit types: the segment is copied into a padded block first. `scratch` is as long as
// padded_size() says.
int64_t padded(int64_t w) {
  return (w + 15) / 16 * 16;
}
int64_t padded_size(int64_t w) {
  return padded(w) * (padded(w) + 2 * kBlock);
}

template <class C, class T>
void padded_segment(C* sums, int64_t ld, const T* x, const T* g, int64_t stride, int64_t rows,
                    int64_t w, C* scratch) {
  const int64_t p = padded(w);
  C *product = scratch, *xs = product + p * p, *gs = xs + kBlock * p;
  std::fill_n(product, p * p, C(0));
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < w; ++c)
      xs[r * p + c] = C(x[r * stride + c]), gs[r * p + c] = C(g[r * stride + c]);
    std::fill(xs + r * p + w, xs + (r + 1) * p, C(0));
    std::fill(gs + r * p + w, gs + (r + 1) * p, C(0));
  }
  wide_segment(product, p, xs, gs, p, rows, p);
  for (int64_t k = 0; k < w; ++k)
    for (int64_t j = 0; j < w; ++j) sums[k * ld + j] += product[k * p + j];
}

// A block of rows of all columns.
template <class C, class T>
void add_block(C* sums, const T* x, const T* g, int64_t d, int64_t rows, int64_t w, C* scratch) {
  constexpr int64_t n = kLanes<C>;
  int64_t c = 0;
  const auto narrow_all = [&]<int W>(std::integral_constant<int, W>) {
    for (; c + n <= d; c += n) narrow<W>(sums + c, d, x + c, g + c, d, rows);
  };
  if (w == 2) narrow_all(std::integral_constant<int, 2>{});
  if (w == 4) narrow_all(std::integral_constant<int, 4>{});
  if (w == 8 && n > 8) narrow_all(std::integral_constant<int, 8>{});
  const bool direct = w % n == 0 && std::is_same_v<C, T>;
  for (; c < d; c += w) {
    if (direct)
      wide_segment(sums + c, d, x + c, g + c, d, rows, w);
    else
      padded_segment(sums + c, d, x + c, g + c, d, rows, w, scratch);
  }
}

}  // namespace

void segment_outer(View out, ConstView x, ConstView g) {
  const int64_t rows = x.size(0), d = x.size(1), w = out.size(0), size = w * d;
  // Fixed parts of the rows, each summed alone, then added in order: the same bits whatever the
  // number of threads.
  const int64_t parts = std::clamp<int64_t>(rows / 128, 1, 32);
  dispatch_floating(x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    C* total = out.as<C>();
    std::vector<C> partial((parts - 1) * size);
    std::fill_n(total, size, C(0));
    parallel_for(parts, std::max<int64_t>(1, (1 << 17) * parts / (rows * size + 1)),
                 [&](int64_t begin, int64_t end) {
                   std::vector<C> scratch(padded_size(w));
                   for (int64_t part = begin; part < end; ++part) {
                     C* sums = part ? partial.data() + (part - 1) * size : total;
                     const int64_t last = rows * (part + 1) / parts;
                     for (int64_t r = rows * part / parts; r < last; r += kBlock)
                       add_block(sums, x.as<T>() + r * d, g.as<T>() + r * d, d,
                                 std::min(kBlock, last - r), w, scratch.data());
                   }
                 });
    parallel_for(size, 1 << 16, [&](int64_t begin, int64_t end) {
      for (int64_t part = 1; part < parts; ++part)
#pragma omp simd
        for (int64_t e = begin; e < end; ++e) total[e] += partial[(part - 1) * size + e];
    });
  });
}

}  // namespace papilio::cpu
