#include "kernels/random.h"

#include <cmath>
#include <cstdint>
#include <numbers>
#include <type_traits>

#include "kernels/cuda/graph.h"
#include "kernels/cuda/launch.h"
#include "kernels/detail/last_below.h"
#include "kernels/philox.h"

namespace papilio::cuda {
namespace {

// A block of the stream, four words, makes four elements, or two of float64. A thread for each
// block.
template <class T>
constexpr int kElements = 4 / words_per_element(dtype_of<T>());

// Element k of the block: low + range u, below the end.
template <class T>
struct Uniform {
  compute_t<T> low, range, last;
  __device__ void operator()(const Philox4& four, T (&y)[kElements<T>]) const {
    for (int k = 0; k < kElements<T>; ++k) {
      if constexpr (std::is_same_v<T, double>) {
        const double v = low + range * (double(word_pair(four.word, k) >> 11) * 0x1p-53);
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
        u = (double(word_pair(four.word, k) >> 11) + 0.5) * 0x1p-53;
        t = double(word_pair(four.word, k + 1) >> 11) * 0x1p-53;
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

template <class T>
struct Integers {
  int64_t low;
  uint64_t count;
  __device__ void operator()(const Philox4& four, T (&y)[kElements<T>]) const {
    for (int k = 0; k < kElements<T>; ++k)
      y[k] = T(uint64_t(low) + one_below(count, word_pair(four.word, k)));
  }
};

struct Coins {
  uint64_t threshold;
  __device__ void operator()(const Philox4& four, bool (&y)[kElements<bool>]) const {
    for (int k = 0; k < kElements<bool>; ++k) y[k] = four.word[k] < threshold;
  }
};

template <class T, class F>
__global__ void draw(T* y, int64_t n, uint64_t seed, uint64_t first_block, const uint64_t* shift,
                     F f) {
  if (shift != nullptr) first_block += *shift / 4;
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
         offset / 4, random_shift(), f);
}

// steps[i - 1]: the place that place i - 1 changes with, for i = 1, ..., n.
__global__ void draw_steps(int64_t* steps, int64_t n, uint64_t seed, uint64_t offset,
                           const uint64_t* shift) {
  if (shift != nullptr) offset += *shift;
  for (int64_t i = 1 + first_element(); i <= n; i += grid_stride())
    steps[i - 1] = exchanged_with(seed, offset, i);
}

// A thread for each place: it walks the steps i = n, ..., 2 back, to where its element began. Steps
// i <= place change only places below it.
__global__ void trace_steps(int64_t* y, const int64_t* steps, int64_t n) {
  for (int64_t k = first_element(); k < n; k += grid_stride()) {
    int64_t at = k;
    for (int64_t i = k + 1; i <= n; ++i)
      at = at == i - 1 ? steps[i - 1] : at == steps[i - 1] ? i - 1 : at;
    y[k] = at;
  }
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

void randint(View y, uint64_t seed, uint64_t offset, int64_t low, uint64_t count) {
  if (y.dtype == DType::int64) draw_all<int64_t>(y, seed, offset, Integers<int64_t>{low, count});
  if (y.dtype == DType::int32) draw_all<int32_t>(y, seed, offset, Integers<int32_t>{low, count});
  if (y.dtype == DType::uint8) draw_all<uint8_t>(y, seed, offset, Integers<uint8_t>{low, count});
}

void randperm(View y, uint64_t seed, uint64_t offset) {
  const int64_t n = y.numel();
  const Scratch<int64_t> steps(n);
  launch(draw_steps, blocks_for(n), kBlock, 0, stream(), steps.data(), n, seed, offset,
         random_shift());
  launch(trace_steps, blocks_for(n), kBlock, 0, stream(), y.as<int64_t>(),
         static_cast<const int64_t*>(steps.data()), n);
}

void bernoulli(View y, uint64_t seed, uint64_t offset, double p) {
  draw_all<bool>(y, seed, offset, Coins{bernoulli_threshold(p)});
}

}  // namespace papilio::cuda
