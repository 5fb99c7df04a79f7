#include "kernels/max_pool2d.h"

#include <cstdint>

#include "kernels/cuda/launch.h"

namespace papilio::cuda {
namespace {

struct Sides {
  int64_t H, W, OH, OW;
};

// A thread for each window.
template <class T>
__global__ void largest_of_windows(T* y, int32_t* index, const T* x, Sides s, MaxPool2dOptions o,
                                   int64_t n) {
  using C = compute_t<T>;
  for (int64_t e = first_element(); e < n; e += grid_stride()) {
    const int64_t q = e % s.OW, p = e / s.OW % s.OH, channel = e / (s.OW * s.OH);
    const int64_t top = p * o.stride.h - o.padding.h, left = q * o.stride.w - o.padding.w;
    const int64_t h0 = top > 0 ? top : 0, w0 = left > 0 ? left : 0;
    const int64_t h1 = top + o.kernel_size.h < s.H ? top + o.kernel_size.h : s.H;
    const int64_t w1 = left + o.kernel_size.w < s.W ? left + o.kernel_size.w : s.W;
    const T* in = x + channel * s.H * s.W;
    int64_t best = h0 * s.W + w0;
    C largest = C(in[best]);
    for (int64_t h = h0; h < h1; ++h)
      for (int64_t w = w0; w < w1; ++w) {
        const C value = C(in[h * s.W + w]);
        // A NaN stays once it is found.
        if (value > largest || (value != value && largest == largest)) {
          largest = value;
          best = h * s.W + w;
        }
      }
    y[e] = in[best];
    index[e] = int32_t(best);
  }
}

// A thread for each pixel: it asks the windows that see it, in their order.
template <class T>
__global__ void add_windows(T* dx, const T* dy, const int32_t* index, Sides s, MaxPool2dOptions o,
                            int64_t n) {
  const auto first_window = [](int64_t pixel, int64_t kernel, int64_t stride) {
    return pixel < kernel ? 0 : (pixel - kernel) / stride + 1;
  };
  for (int64_t e = first_element(); e < n; e += grid_stride()) {
    const int64_t w = e % s.W, h = e / s.W % s.H, windows = e / (s.W * s.H) * s.OH * s.OW;
    const int64_t bottom = h + o.padding.h, right = w + o.padding.w;
    const int64_t p0 = first_window(bottom, o.kernel_size.h, o.stride.h);
    const int64_t q0 = first_window(right, o.kernel_size.w, o.stride.w);
    compute_t<T> sum = 0;
    for (int64_t p = p0; p < s.OH && p * o.stride.h <= bottom; ++p)
      for (int64_t q = q0; q < s.OW && q * o.stride.w <= right; ++q) {
        const int64_t window = windows + p * s.OW + q;
        if (index[window] == h * s.W + w) sum += compute_t<T>(dy[window]);
      }
    dx[e] = T(sum);
  }
}

}  // namespace

void max_pool2d(View y, View index, ConstView x, const MaxPool2dOptions& options) {
  const Sides sides{x.size(2), x.size(3), y.size(2), y.size(3)};
  const int64_t n = y.numel();
  dispatch_floating(x.dtype, [&]<class T>() {
    launch(largest_of_windows<T>, blocks_for(n), kBlock, 0, stream(), y.as<T>(),
           index.as<int32_t>(), x.as<T>(), sides, options, n);
  });
}

void max_pool2d_backward(View dx, ConstView dy, ConstView index, const MaxPool2dOptions& options) {
  const Sides sides{dx.size(2), dx.size(3), dy.size(2), dy.size(3)};
  const int64_t n = dx.numel();
  dispatch_floating(dx.dtype, [&]<class T>() {
    launch(add_windows<T>, blocks_for(n), kBlock, 0, stream(), dx.as<T>(), dy.as<T>(),
           index.as<int32_t>(), sides, options, n);
  });
}

}  // namespace papilio::cuda
