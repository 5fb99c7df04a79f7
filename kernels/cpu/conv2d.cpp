#include "kernels/conv2d.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "kernels/cpu/blas.h"
#include "kernels/cpu/im2col.h"
#include "kernels/cpu/onednn.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/scratch.h"

namespace papilio::cpu {

namespace {

// Values in the compute type: the memory itself, or a converted copy of 16-bit values.
template <class T>
class Converted {
  using C = compute_t<T>;

 public:
  Converted(const T* x, int64_t n) {
    if constexpr (is_half_type<T>) {
      copy_ = std::make_unique_for_overwrite<C[]>(size_t(n));
      for (int64_t i = 0; i < n; ++i) copy_[size_t(i)] = C(x[i]);
      data_ = copy_.get();
    } else {
      data_ = x;
    }
  }
  const C* data() const { return data_; }

 private:
  std::unique_ptr<C[]> copy_;
  const C* data_;
};

// n columns of a row-major matrix with P: as they lie, or 16-bit values converted into `memory`.
template <class T>
Matrix<const compute_t<T>> columns(const T* x, int64_t P, int64_t rows, int64_t n,
                                   compute_t<T>* memory) {
  if constexpr (is_half_type<T>) {
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t k = 0; k < n; ++k) memory[r * n + k] = x[r * P + k];
    return {memory, n};
  } else {
    return {x, P};
  }
}

// Items (an image's group, or a tile of it) that are worth a thread.
int64_t grain(const Conv2dSizes& s, int64_t columns) {
  return 1 + (int64_t(1) << 17) / std::max<int64_t>(1, s.O * s.patch() * columns);
}

// Rows [begin, end) of an image's group bg at n positions from p: y = w col + bias. sums: (end -
// begin, n), for 16-bit values.
template <class T>
void rows_of_output(const Conv2dSizes& s, const compute_t<T>* weight,
                    Matrix<const compute_t<T>> col, ConstView bias, int64_t bg, int64_t begin,
                    int64_t end, int64_t p, int64_t n, View y, compute_t<T>* sums) {
  using C = compute_t<T>;
  const int64_t P = s.positions(), K = s.patch(), g = bg % s.groups;
  T* const out = y.as<T>() + (bg * s.O + begin) * P + p;
  Matrix<C> to{sums, n};
  if constexpr (!is_half_type<T>) to = {out, P};
  const C* const w = weight + (g * s.O + begin) * K;
  product<C>(end - begin, n, K, 1, {w, std::max<int64_t>(K, 1)}, col, 0, to);
  if (!is_half_type<T> && !bias.data) return;
  for (int64_t o = 0; o < end - begin; ++o) {
    const C shift = bias.data ? C(bias.as<T>()[g * s.O + begin + o]) : C(0);
    const C* from = to.at(o, 0);
    T* row = out + o * P;
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) row[k] = T(from[k] + shift);
  }
}

// By oneDNN, if it is asked and the products take longer than putting arrays in its order.
template <class T>
bool by_onednn(Conv2dPass pass, const Conv2dSizes& s, const void* x, const void* w,
               const void* bias, const void* y) {
  if constexpr (std::is_same_v<T, float> || std::is_same_v<T, BFloat16>) {
    const int64_t work = s.B * s.groups * s.O * s.patch() * s.positions();
    if (!onednn_multiplies(dtype_of<T>()) || work < 1 << 22) return false;
    return onednn_conv2d({.pass = pass,
                          .dtype = dtype_of<T>(),
                          .sizes = s,
                          .x = const_cast<void*>(x),
                          .w = const_cast<void*>(w),
                          .bias = bias,
                          .y = const_cast<void*>(y)});
  }
  return false;
}

// BLAS packs the weight for every tile: much of the time if it is large and the tile small enough
// for a cache.
bool packs_weight_often(const Conv2dSizes& s) {
  return s.O * s.patch() >= int64_t(1) << 19 && s.positions() > 1 && !omp_in_parallel();
}

int64_t large_tile(const Conv2dSizes& s) {
  return std::min(s.positions(), std::max(s.tile(), (int64_t(1) << 22) / s.patch() / 16 * 16));
}

// Threads share the weight's rows, and tiles are large.
template <class T>
void conv2d_by_rows(const Conv2dSizes& s, View y, ConstView x, ConstView w, ConstView bias) {
  using C = compute_t<T>;
  const int64_t P = s.positions(), K = s.patch(), window = s.kh * s.kw, tile = large_tile(s);
  const Converted<T> weight(w.as<T>(), s.groups * s.O * K);
  const PartScratch<C> scratch(1, (K + (is_half_type<T> ? s.O : 0)) * tile);
  C *const col = scratch[0], *const sums = col + K * tile;
  for (int64_t bg = 0; bg < s.B * s.groups; ++bg)
    for (int64_t p = 0; p < P; p += tile) {
      const int64_t n = std::min(tile, P - p);
      parallel_for(s.C, 1 + 32768 / (window * n), [&](int64_t begin, int64_t end) {
        Conv2dSizes channels = s;
        channels.C = end - begin;
        im2col(channels, x.as<T>() + (bg * s.C + begin) * s.pixels(), p, p + n,
               col + begin * window * n);
      });
      parallel_for(s.O, 1 + (int64_t(1) << 18) / (K * n), [&](int64_t begin, int64_t end) {
        rows_of_output<T>(s, weight.data(), {col, n}, bias, bg, begin, end, p, n, y,
                          sums + begin * n);
      });
    }
}

// The same for the gradient of x: threads share its channels, which are the weight's columns.
template <class T>
void backward_input_by_channels(const Conv2dSizes& s, View dx, ConstView dy, ConstView w) {
  using C = compute_t<T>;
  constexpr bool half = is_half_type<T>;
  const int64_t P = s.positions(), K = s.patch(), window = s.kh * s.kw, tile = large_tile(s);
  const Converted<T> weight(w.as<T>(), s.groups * s.O * K);
  const PartScratch<C> columns(1, K * tile), sums(1, half ? s.C * s.pixels() : 0);
  for (int64_t bg = 0; bg < s.B * s.groups; ++bg) {
    const Converted<T> from(dy.as<T>() + bg * s.O * P, s.O * P);
    const C* const wg = weight.data() + bg % s.groups * s.O * K;
    T* const out = dx.as<T>() + bg * s.C * s.pixels();
    parallel_for(s.C, 1 + (int64_t(1) << 18) / (s.O * window * P), [&](int64_t begin, int64_t end) {
      Conv2dSizes channels = s;
      channels.C = end - begin;
      C *const col = columns[0] + begin * window * tile, *sum = nullptr;
      if constexpr (half)
        sum = sums[0] + begin * s.pixels();
      else
        sum = out + begin * s.pixels();
      const int64_t pixels = channels.C * s.pixels();
      std::fill(sum, sum + pixels, C(0));
      for (int64_t p = 0; p < P; p += tile) {
        const int64_t n = std::min(tile, P - p);
        product<C>(channels.patch(), n, s.O, 1, {wg + begin * window, K, true},
                   {from.data() + p, P}, 0, {col, n});
        col2im(channels, sum, p, p + n, col);
      }
      if constexpr (half)
        for (int64_t i = 0; i < pixels; ++i) out[begin * s.pixels() + i] = T(sum[i]);
    });
  }
}

}  // namespace

void conv2d(View y, ConstView x, ConstView w, ConstView bias, const Conv2dOptions& options) {
  const Conv2dSizes s(x, w, y, options);
  const int64_t P = s.positions(), K = s.patch(), tile = s.tile(), tiles = s.tiles();
  dispatch_floating(x.dtype, [&]<class T>() {
    if (by_onednn<T>(Conv2dPass::forward, s, x.data, w.data, bias.data, y.data)) return;
    if (packs_weight_often(s)) return conv2d_by_rows<T>(s, y, x, w, bias);
    using C = compute_t<T>;
    const Converted<T> weight(w.as<T>(), s.groups * s.O * K);
    const int64_t items = s.B * s.groups * tiles;
    const int64_t parts = part_count(items, grain(s, tile));
    const PartScratch<C> scratch(parts, (K + (is_half_type<T> ? s.O : 0)) * tile);
    parallel_parts(items, parts, [&](int64_t part, int64_t item, int64_t end) {
      for (; item < end; ++item) {
        const int64_t bg = item / tiles, p = item % tiles * tile, n = std::min(tile, P - p);
        C* const col = scratch[part];
        im2col(s, x.as<T>() + bg * s.C * s.pixels(), p, p + n, col);
        rows_of_output<T>(s, weight.data(), {col, n}, bias, bg, 0, s.O, p, n, y, col + K * n);
      }
    });
  });
}

void conv2d_backward_input(View dx, ConstView dy, ConstView w, const Conv2dOptions& options) {
  const Conv2dSizes s(dx, w, dy, options);
  const int64_t P = s.positions(), K = s.patch(), tile = s.tile(), pixels = s.C * s.pixels();
  dispatch_floating(dy.dtype, [&]<class T>() {
    if (by_onednn<T>(Conv2dPass::backward_input, s, dx.data, w.data, nullptr, dy.data)) return;
    if (packs_weight_often(s)) return backward_input_by_channels<T>(s, dx, dy, w);
    using C = compute_t<T>;
    constexpr bool half = is_half_type<T>;
    const Converted<T> weight(w.as<T>(), s.groups * s.O * K);
    const int64_t items = s.B * s.groups, parts = part_count(items, grain(s, P));
    const PartScratch<C> scratch(parts, (K + (half ? s.O : 0)) * tile + (half ? pixels : 0));
    parallel_parts(items, parts, [&](int64_t part, int64_t item, int64_t end) {
      for (; item < end; ++item) {
        C *const col = scratch[part], *const dy_tile = col + K * tile;
        C* sum = dy_tile + s.O * tile;
        if constexpr (!half) sum = dx.as<T>() + item * pixels;
        std::fill(sum, sum + pixels, C(0));
        for (int64_t p = 0; p < P; p += tile) {
          const int64_t n = std::min(tile, P - p);
          const auto from = columns(dy.as<T>() + item * s.O * P + p, P, s.O, n, dy_tile);
          const C* wg = weight.data() + item % s.groups * s.O * K;
          product<C>(K, n, s.O, 1, {wg, std::max<int64_t>(K, 1), true}, from, 0, {col, n});
          col2im(s, sum, p, p + n, col);
        }
        if constexpr (half)
          for (int64_t k = 0; k < pixels; ++k) dx.as<T>()[item * pixels + k] = T(sum[k]);
      }
    });
  });
}

void conv2d_backward_weight(View dw, ConstView dy, ConstView x, const Conv2dOptions& options) {
  const Conv2dSizes s(x, dw, dy, options);
  const int64_t P = s.positions(), K = s.patch(), tile = s.tile(), size = s.groups * s.O * K;
  dispatch_floating(dy.dtype, [&]<class T>() {
    using C = compute_t<T>;
    constexpr bool half = is_half_type<T>;
    const PartScratch<C> whole(1, half ? size : 0);
    C* to = whole[0];
    if constexpr (!half) to = dw.as<C>();
    if (by_onednn<T>(Conv2dPass::backward_weight, s, x.data, to, nullptr, dy.data)) {
      if constexpr (half)
        parallel_for(size, 16384, [&](int64_t begin, int64_t end) {
          std::copy(to + begin, to + end, dw.as<T>() + begin);
        });
      return;
    }
    // Every part has its own sum: few of them if the weight is large.
    const int64_t allowed = std::max<int64_t>(1, (int64_t(1) << 25) / std::max<int64_t>(1, size));
    const int64_t parts = std::min(allowed, part_count(s.B, grain(s, P * s.groups)));
    const PartScratch<C> sums(parts, size), scratch(parts, (K + (half ? s.O : 0)) * tile);
    parallel_parts(s.B, parts, [&](int64_t part, int64_t image, int64_t end) {
      C *const col = scratch[part], *const dy_tile = col + K * tile, *const sum = sums[part];
      std::fill(sum, sum + size, C(0));
      for (int64_t item = image * s.groups; item < end * s.groups; ++item) {
        for (int64_t p = 0; p < P; p += tile) {
          const int64_t n = std::min(tile, P - p);
          const auto from = columns(dy.as<T>() + item * s.O * P + p, P, s.O, n, dy_tile);
          im2col(s, x.as<T>() + item * s.C * s.pixels(), p, p + n, col);
          product<C>(s.O, K, n, 1, from, {col, n, true}, 1,
                     {sum + item % s.groups * s.O * K, std::max<int64_t>(K, 1)});
        }
      }
    });
    parallel_for(size, 16384, [&](int64_t begin, int64_t end) {
      for (int64_t part = 1; part < parts; ++part) {
#pragma omp simd
        for (int64_t i = begin; i < end; ++i) sums[0][i] += sums[part][i];
      }
      for (int64_t i = begin; i < end; ++i) dw.as<T>()[i] = T(sums[0][i]);
    });
  });
}

}  // namespace papilio::cpu
