#include "kernels/upsample_nearest2d.h"

#include <cstdint>

#include "kernels/cuda/launch.h"

namespace papilio::cuda {
namespace {

struct Sides {
  int64_t H, W, OH, OW;
};

// A thread for each pixel of y.
template <class T>
__global__ void nearest(T* y, const T* x, Sides s, int64_t n) {
  for (int64_t e = first_element(); e < n; e += grid_stride()) {
    const int64_t q = e % s.OW, p = e / s.OW % s.OH, channel = e / (s.OW * s.OH);
    y[e] = x[(channel * s.H + p * s.H / s.OH) * s.W + q * s.W / s.OW];
  }
}

// A thread for each pixel of x. Those of y that show pixel h are the p with h OH <= p H < (h + 1)
// OH.
template <class T>
__global__ void add_nearest(T* dx, const T* dy, Sides s, int64_t n) {
  const auto first = [](int64_t h, int64_t in, int64_t out) { return (h * out + in - 1) / in; };
  for (int64_t e = first_element(); e < n; e += grid_stride()) {
    const int64_t w = e % s.W, h = e / s.W % s.H, channel = e / (s.W * s.H);
    compute_t<T> sum = 0;
    for (int64_t p = first(h, s.H, s.OH); p < first(h + 1, s.H, s.OH); ++p)
      for (int64_t q = first(w, s.W, s.OW); q < first(w + 1, s.W, s.OW); ++q)
        sum += compute_t<T>(dy[(channel * s.OH + p) * s.OW + q]);
    dx[e] = T(sum);
  }
}

}  // namespace

void upsample_nearest2d(View y, ConstView x) {
  const Sides sides{x.size(2), x.size(3), y.size(2), y.size(3)};
  const int64_t n = y.numel();
  dispatch_floating(x.dtype, [&]<class T>() {
    launch(nearest<T>, blocks_for(n), kBlock, 0, stream(), y.as<T>(), x.as<T>(), sides, n);
  });
}

void upsample_nearest2d_backward(View dx, ConstView dy) {
  const Sides sides{dx.size(2), dx.size(3), dy.size(2), dy.size(3)};
  const int64_t n = dx.numel();
  dispatch_floating(dx.dtype, [&]<class T>() {
    launch(add_nearest<T>, blocks_for(n), kBlock, 0, stream(), dx.as<T>(), dy.as<T>(), sides, n);
  });
}

}  // namespace papilio::cuda
