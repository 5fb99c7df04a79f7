#include "kernels/random.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <numeric>
#include <type_traits>
#include <utility>

#include "kernels/cpu/parallel.h"
#include "kernels/cpu/philox_words.h"
#include "kernels/detail/last_below.h"

namespace papilio::cpu {
namespace {

constexpr int kBlocks = kPhiloxBlocks, kWords = kPhiloxWords;

// Calls convert(words, values) for batches of kWords words, which always makes kWords / PerElement
// values, and stores them. Whole batches always: no element's bits depend on where threads or
// vectors begin.
template <int PerElement, class T, class F>
void generate(View y, uint64_t seed, uint64_t offset, F convert) {
  constexpr int64_t batch = kWords / PerElement;
  T* const out = y.as<T>();
  const int64_t n = y.numel(), batches = (n + batch - 1) / batch;
  parallel_for(batches, 64, [&](int64_t begin, int64_t end) {
    alignas(64) uint32_t words[kWords];
    alignas(64) T values[batch];
    for (int64_t i = begin; i < end; ++i) {
      fill_words(seed, offset / 4 + uint64_t(i) * kBlocks, words);
      convert(words, values);
      std::copy_n(values, std::min(batch, n - i * batch), out + i * batch);
    }
  });
}

}  // namespace

void uniform(View y, uint64_t seed, uint64_t offset, double low, double high) {
  dispatch_floating(y.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const C first = C(low), range = C(high - low), last = C(last_below<T>(low, high));
    if constexpr (std::is_same_v<T, double>) {
      generate<2, T>(y, seed, offset, [=](const uint32_t* words, T* values) {
        for (int i = 0; i < kWords / 2; ++i) {
          values[i] = std::min(first + range * (double(word_pair(words, i) >> 11) * 0x1p-53), last);
        }
      });
    } else {
      constexpr int bits = std::is_same_v<T, float> ? 24 : std::is_same_v<T, Float16> ? 11 : 8;
      const float unit = 1.0f / float(1 << bits);
      generate<1, T>(y, seed, offset, [=](const uint32_t* words, T* values) {
        for (int i = 0; i < kWords; ++i) {
          const float u = float(int32_t(words[i] >> (32 - bits))) * unit;
          values[i] = T(std::min(float(T(first + range * u)), last));
        }
      });
    }
  });
}

void normal(View y, uint64_t seed, uint64_t offset, double mean, double std) {
  dispatch_floating(y.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const C center = C(mean), scale = C(std), turn = C(2 * std::numbers::pi);
    if constexpr (std::is_same_v<T, double>) {
      generate<2, T>(y, seed, offset, [=](const uint32_t* words, T* values) {
        for (int i = 0; i < kWords / 2; i += 2) {
          const double u = (double(word_pair(words, i) >> 11) + 0.5) * 0x1p-53;
          const double t = turn * (double(word_pair(words, i + 1) >> 11) * 0x1p-53);
          const double r = scale * std::sqrt(-2 * std::log(u));
          values[i] = center + r * std::cos(t);
          values[i + 1] = center + r * std::sin(t);
        }
      });
    } else {
      generate<1, T>(y, seed, offset, [=](const uint32_t* words, T* values) {
        for (int i = 0; i < kWords; i += 2) {
          const float u = (float(words[i]) + 0.5f) * 0x1p-32f;
          const float t = turn * (float(words[i + 1]) * 0x1p-32f);
          const float r = scale * std::sqrt(-2 * std::log(u));
          values[i] = T(center + r * std::cos(t));
          values[i + 1] = T(center + r * std::sin(t));
        }
      });
    }
  });
}

void randint(View y, uint64_t seed, uint64_t offset, int64_t low, uint64_t count) {
  const auto fill = [&]<class T>() {
    generate<2, T>(y, seed, offset, [=](const uint32_t* words, T* values) {
      for (int i = 0; i < kWords / 2; ++i) {
        values[i] = T(uint64_t(low) + one_below(count, word_pair(words, i)));
      }
    });
  };
  if (y.dtype == DType::int64) fill.operator()<int64_t>();
  if (y.dtype == DType::int32) fill.operator()<int32_t>();
  if (y.dtype == DType::uint8) fill.operator()<uint8_t>();
}

void randperm(View y, uint64_t seed, uint64_t offset) {
  auto* const p = y.as<int64_t>();
  const int64_t n = y.numel();
  std::iota(p, p + n, int64_t(0));
  for (int64_t i = n; i > 1; --i) {
    std::swap(p[i - 1], p[exchanged_with(seed, offset, i)]);
  }
}

void bernoulli(View y, uint64_t seed, uint64_t offset, double p) {
  const uint64_t threshold = bernoulli_threshold(p);
  generate<1, bool>(y, seed, offset, [=](const uint32_t* words, bool* values) {
    for (int i = 0; i < kWords; ++i) values[i] = words[i] < threshold;
  });
}

}  // namespace papilio::cpu
