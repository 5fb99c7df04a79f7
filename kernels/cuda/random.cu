#include "kernels/random.h"

#include <cmath>
#include <numbers>

#include "kernels/cuda/launch.h"
#include "kernels/last_below.h"
#include "kernels/philox.h"

namespace papilio::cuda {
namespace {

// A block of the stream, four words, makes four elements, or two of float64. A thread for each
// block.
template <class T>
constexpr int kElements = 4 / words_per_element(dtype_of<T>());

__device__ uint64_t word_pair(const Philox4& four, int i) {
  return uint64_t(four.word[2 * i]) << 32 | four.word[2 * i + 1];
}

// Element k of the block: low + range u, below the end.
template <class T>
struct Uniform {
  compute_t<T> low, range, last;
  __device__ void operator()(const Philox4& four, T (&y)[kElements<T>]) const {
    for (int k = 0; k < kElements<T>; ++k) {
      if constexpr (std::is_same_v<T, double>) {
        const double v = low + range * (double(word_pair(four, k) >> 11) * 0x1p-53);
        y[k] = v < last ? v : last;
      } else {
        constexpr int bits = std::is_same_v<T, float> ? 24 : std::is_same_v<T, Float16> ? 11 : 8;
        const float u = float(int32_t(four.word[k] >> (32 - bits))) * (1.0f / float(1 << bits));
        const float v = float(T(low + range * u));
        y[k] = T(v < last ? v : last);
      }
    }
  }
};

// Pairs of elements by Box-Muller.
template <class T>
struct Normal {
  compute_t<T> mean, std;
  __device__ void operator()(const Philox4& four, T (&y)[kElements<T>]) const {
    using C = compute_t<T>;
    for (int k = 0; k < kElements<T>; k += 2) {
      C u, t;
      if constexpr (std::is_same_v<T, double>) {
        u = (double(word_pair(four, k) >> 11) + 0.5) * 0x1p-53;
        t = double(word_pair(four, k + 1) >> 11) * 0x1p-53;
      } else {
        u = (float(four.word[k]) + 0.5f) * 0x1p-32f;
        t = float(four.word[k + 1]) * 0x1p-32f;
      }
      const C r = std * std::sqrt(-2 * std::log(u)), angle = C(2 * std::numbers::pi) * t;
      y[k] = T(mean + r * std::cos(angle));
      y[k + 1] = T(mean + r * std::sin(angle));
    }
  }
};

template <class T, class F>
__global__ void draw(T* y, int64_t n, uint64_t seed, uint64_t first_block, F f) {
  constexpr int each = kElements<T>;
  for (int64_t b = first_element(); b * each < n; b += grid_stride()) {
    T values[each];
    f(philox_block(seed, first_block + uint64_t(b)), values);
    for (int k = 0; k < each && b * each + k < n; ++k) y[b * each + k] = values[k];
  }
}

template <class T, class F>
void draw_all(View y, uint64_t seed, uint64_t offset, F f) {
  const int64_t n = y.numel();
  launch(draw<T, F>, blocks_for(n, kElements<T> * kBlock), kBlock, 0, stream(), y.as<T>(), n, seed,
         offset / 4, f);
}

}  // namespace

void uniform(View y, uint64_t seed, uint64_t offset, double low, double high) {
  dispatch_floating(y.dtype, [&]<class T>() {
    using C = compute_t<T>;
    draw_all<T>(y, seed, offset, Uniform<T>{C(low), C(high - low), C(last_below<T>(low, high))});
  });
}

void normal(View y, uint64_t seed, uint64_t offset, double mean, double std) {
  dispatch_floating(y.dtype, [&]<class T>() {
    using C = compute_t<T>;
    draw_all<T>(y, seed, offset, Normal<T>{C(mean), C(std)});
  });
}

}  // namespace papilio::cuda
