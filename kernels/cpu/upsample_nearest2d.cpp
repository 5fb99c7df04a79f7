#include "kernels/upsample_nearest2d.h"

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/parallel.h"
#include "kernels/cpu/scratch.h"

namespace papilio::cpu {

namespace {

// Channels a thread takes at least.
int64_t grain(int64_t pixels) {
  return std::max<int64_t>(1, 32768 / std::max<int64_t>(1, pixels));
}

}  // namespace

void upsample_nearest2d(View y, ConstView x) {
  const int64_t H = x.size(2), W = x.size(3), OH = y.size(2), OW = y.size(3);
  dispatch_floating(x.dtype, [&]<class T>() {
    parallel_for(x.size(0) * x.size(1), grain(OH * OW), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin * OH; row < end * OH; ++row) {
        const int64_t p = row % OH;
        const T* from = x.as<T>() + (row / OH * H + p * H / OH) * W;
        T* to = y.as<T>() + row * OW;
        if (p > 0 && p * H / OH == (p - 1) * H / OH)
          std::copy(to - OW, to, to);
        else
          for (int64_t q = 0; q < OW; ++q) to[q] = from[q * W / OW];
      }
    });
  });
}

void upsample_nearest2d_backward(View dx, ConstView dy) {
  const int64_t H = dx.size(2), W = dx.size(3), OH = dy.size(2), OW = dy.size(3);
  dispatch_floating(dy.dtype, [&]<class T>() {
    using C = compute_t<T>;
    parallel_for(dx.size(0) * dx.size(1), grain(OH * OW), [&](int64_t begin, int64_t end) {
      const Scratch<C> sum(H * W);
      for (int64_t channel = begin; channel < end; ++channel) {
        std::fill_n(sum + 0, H * W, C(0));
        const T* from = dy.as<T>() + channel * OH * OW;
        for (int64_t p = 0; p < OH; ++p) {
          C* to = sum + p * H / OH * W;
          for (int64_t q = 0; q < OW; ++q) to[q * W / OW] += C(*from++);
        }
        for (int64_t i = 0; i < H * W; ++i) dx.as<T>()[channel * H * W + i] = T(sum[i]);
      }
    });
  });
}

}  // namespace papilio::cpu
