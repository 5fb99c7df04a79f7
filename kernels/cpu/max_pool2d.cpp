#include "kernels/max_pool2d.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "kernels/cpu/parallel.h"

namespace papilio::cpu {

namespace {

// Channels a thread takes at least.
int64_t grain(int64_t pixels) {
  return std::max<int64_t>(1, 32768 / std::max<int64_t>(1, pixels));
}

// One value of x beside the largest so far: the first in row-major order where they are equal; a
// NaN stays once it is found.
template <class C>
bool takes(C value, int32_t at, C largest, int32_t best) {
  return (value > largest) | ((value == largest) & (at < best)) |
         ((value != value) & ((largest == largest) | (at < best)));
}

// For each column of a row of x: the largest of the rows so far, and where it is.
template <class T, class C>
void take_row(const T* x, int64_t W, int32_t row, C* largest, int32_t* best) {
#pragma omp simd
  for (int64_t w = 0; w < W; ++w) {
    const C value = C(x[w]), old = largest[w];
    const bool take = (value > old) | ((value != value) & (old == old));
    largest[w] = take ? value : old;
    best[w] = take ? row + int32_t(w) : best[w];
  }
}

// For a row of n windows: one column each.
template <class C>
void take_columns(const C* columns, const int32_t* at, int64_t n, C* largest, int32_t* best) {
#pragma omp simd
  for (int64_t q = 0; q < n; ++q) {
    const C value = columns[q], old = largest[q];
    const bool take = takes(value, at[q], old, best[q]);
    largest[q] = take ? value : old;
    best[q] = take ? at[q] : best[q];
  }
}

// Every stride-th value together: to[r n + q] = from[q stride + r].
template <class V>
void split(const V* from, int64_t stride, int64_t n, V* to) {
  if (stride == 2) {
#pragma omp simd
    for (int64_t q = 0; q < n; ++q) {
      to[q] = from[2 * q];
      to[n + q] = from[2 * q + 1];
    }
    return;
  }
  for (int64_t r = 0; r < stride; ++r)
    for (int64_t q = 0; q < n; ++q) to[r * n + q] = from[q * stride + r];
}

}  // namespace

void max_pool2d(View y, View index, ConstView x, const MaxPool2dOptions& o) {
  const int64_t H = x.size(2), W = x.size(3), OH = y.size(2), OW = y.size(3);
  const int64_t stride = o.stride.w, pad = o.padding.w;
  dispatch_floating(x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    // Windows and columns in whole vectors, the padding on both sides.
    const auto vectors = [](int64_t count) { return (count + 15) / 16 * 16; };
    const int64_t windows = vectors(OW), n = vectors(windows + (o.kernel_size.w - 1) / stride);
    const int64_t wide = n * stride, used = std::min(W, wide - pad);
    parallel_for(x.size(0) * x.size(1), grain(H * W), [&](int64_t begin, int64_t end) {
      const auto memory = std::make_unique<C[]>(size_t(2 * wide + windows));
      const auto places = std::make_unique<int32_t[]>(size_t(2 * wide + windows));
      C *const columns = memory.get(), *const parts = columns + wide, *const largest = parts + wide;
      int32_t *const at = places.get(), *const at_parts = at + wide, *const best = at_parts + wide;
      for (int64_t channel = begin; channel < end; ++channel) {
        const T* in = x.as<T>() + channel * H * W;
        for (int64_t p = 0; p < OH; ++p) {
          const int64_t top = p * o.stride.h - o.padding.h;
          const int64_t h0 = std::max<int64_t>(top, 0), h1 = std::min(top + o.kernel_size.h, H);
          for (int64_t w = 0; w < used; ++w) {
            columns[pad + w] = C(in[h0 * W + w]);
            at[pad + w] = int32_t(h0 * W + w);
          }
          for (int64_t h = h0 + 1; h < h1; ++h)
            take_row(in + h * W, used, int32_t(h * W), columns + pad, at + pad);
          // A window with padding has the column beside it: twice the same changes nothing.
          for (int64_t w = 0; w < pad; ++w) {
            columns[w] = columns[pad];
            at[w] = at[pad];
          }
          for (int64_t w = pad + used; w < std::min(wide, pad + W + pad); ++w) {
            columns[w] = columns[pad + used - 1];
            at[w] = at[pad + used - 1];
          }
          split(columns, stride, n, parts);
          split(at, stride, n, at_parts);
          std::copy(parts, parts + windows, largest);
          std::copy(at_parts, at_parts + windows, best);
          for (int64_t j = 1; j < o.kernel_size.w; ++j) {
            const int64_t first = j % stride * n + j / stride;
            take_columns(parts + first, at_parts + first, windows, largest, best);
          }
          const int64_t row = (channel * OH + p) * OW;
          for (int64_t q = 0; q < OW; ++q) y.as<T>()[row + q] = T(largest[q]);
          std::copy(best, best + OW, index.as<int32_t>() + row);
        }
      }
    });
  });
}

void max_pool2d_backward(View dx, ConstView dy, ConstView index, const MaxPool2dOptions&) {
  const int64_t pixels = dx.size(2) * dx.size(3), windows = dy.size(2) * dy.size(3);
  dispatch_floating(dy.dtype, [&]<class T>() {
    parallel_for(dx.size(0) * dx.size(1), grain(pixels), [&](int64_t begin, int64_t end) {
      for (int64_t channel = begin; channel < end; ++channel) {
        T* to = dx.as<T>() + channel * pixels;
        const T* from = dy.as<T>() + channel * windows;
        const int32_t* at = index.as<int32_t>() + channel * windows;
        std::fill(to, to + pixels, T(0));
        for (int64_t i = 0; i < windows; ++i)
          to[at[i]] = T(compute_t<T>(to[at[i]]) + compute_t<T>(from[i]));
      }
    });
  });
}

}  // namespace papilio::cpu
