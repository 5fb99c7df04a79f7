#include "kernels/max_pool2d.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>

#include "kernels/cpu/parallel.h"

namespace papilio::cpu {

namespace {

// Channels a thread takes at least.
int64_t grain(int64_t pixels) {
  return std::max<int64_t>(1, 32768 / std::max<int64_t>(1, pixels));
}

// For a row of windows: the values of one row of x, at column q stride + offset for window q, of
// those windows q in [first, last) that it lies in.
template <int kStride, class C>
void take_larger(const C* x, int64_t stride, int64_t offset, int64_t first, int64_t last,
                 int64_t row, C* largest, int32_t* best) {
  const int64_t step = kStride > 0 ? kStride : stride;  // 1 and 2 vectorise
#pragma omp simd
  for (int64_t q = first; q < last; ++q) {
    const C value = x[q * step + offset], old = largest[q];
    // A NaN stays once it is found.
    const bool take = (value > old) | ((value != value) & (old == old));
    largest[q] = take ? value : old;
    best[q] = take ? int32_t(row + q * step + offset) : best[q];
  }
}

}  // namespace

void max_pool2d(View y, View index, ConstView x, const MaxPool2dOptions& o) {
  const int64_t H = x.size(2), W = x.size(3), OH = y.size(2), OW = y.size(3);
  const int64_t stride = o.stride.w, pad = o.padding.w;
  dispatch_floating(x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const auto take = stride == 1   ? take_larger<1, C>
                      : stride == 2 ? take_larger<2, C>
                                    : take_larger<0, C>;
    parallel_for(x.size(0) * x.size(1), grain(H * W), [&](int64_t begin, int64_t end) {
      const auto memory = std::make_unique_for_overwrite<C[]>(size_t(W + OW));
      C *const row = memory.get(), *const largest = row + W;
      for (int64_t channel = begin; channel < end; ++channel) {
        const T* in = x.as<T>() + channel * H * W;
        for (int64_t p = 0; p < OH; ++p) {
          const int64_t top = p * o.stride.h - o.padding.h;
          const int64_t h0 = std::max<int64_t>(top, 0), h1 = std::min(top + o.kernel_size.h, H);
          int32_t* const best = index.as<int32_t>() + (channel * OH + p) * OW;
          for (int64_t q = 0; q < OW; ++q) {
            largest[q] = -std::numeric_limits<C>::infinity();
            best[q] = int32_t(h0 * W + std::max<int64_t>(q * stride - pad, 0));
          }
          for (int64_t h = h0; h < h1; ++h) {
            for (int64_t w = 0; w < W; ++w) row[w] = C(in[h * W + w]);
            for (int64_t offset = -pad; offset < o.kernel_size.w - pad; ++offset) {
              // 0 <= q stride + offset < W
              const int64_t first = offset < 0 ? (stride - 1 - offset) / stride : 0;
              const int64_t last = std::min(OW, offset < W ? (W - 1 - offset) / stride + 1 : 0);
              take(row, stride, offset, first, last, h * W, largest, best);
            }
          }
          T* const out = y.as<T>() + (channel * OH + p) * OW;
          for (int64_t q = 0; q < OW; ++q) out[q] = T(largest[q]);
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
