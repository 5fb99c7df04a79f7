#include "kernels/max_pool2d.h"

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/parallel.h"

namespace papilio::cpu {

namespace {

// Channels a thread takes at least.
int64_t grain(int64_t pixels) {
  return std::max<int64_t>(1, 32768 / std::max<int64_t>(1, pixels));
}

}  // namespace

void max_pool2d(View y, View index, ConstView x, const MaxPool2dOptions& o) {
  const int64_t H = x.size(2), W = x.size(3), OH = y.size(2), OW = y.size(3);
  dispatch_floating(x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    parallel_for(x.size(0) * x.size(1), grain(H * W), [&](int64_t begin, int64_t end) {
      for (int64_t channel = begin; channel < end; ++channel) {
        const T* in = x.as<T>() + channel * H * W;
        T* out = y.as<T>() + channel * OH * OW;
        int32_t* at = index.as<int32_t>() + channel * OH * OW;
        for (int64_t p = 0; p < OH; ++p) {
          const int64_t top = p * o.stride.h - o.padding.h;
          const int64_t h0 = std::max<int64_t>(top, 0), h1 = std::min(top + o.kernel_size.h, H);
          for (int64_t q = 0; q < OW; ++q) {
            const int64_t left = q * o.stride.w - o.padding.w;
            const int64_t w0 = std::max<int64_t>(left, 0), w1 = std::min(left + o.kernel_size.w, W);
            int64_t best = h0 * W + w0;
            C largest = C(in[best]);
            for (int64_t h = h0; h < h1; ++h)
              for (int64_t w = w0; w < w1; ++w) {
                const C value = C(in[h * W + w]);
                // A NaN stays once it is found.
                if (value > largest || (value != value && largest == largest)) {
                  largest = value;
                  best = h * W + w;
                }
              }
            *out++ = in[best];
            *at++ = int32_t(best);
          }
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
