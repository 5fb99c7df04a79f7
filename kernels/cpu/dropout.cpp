#include "kernels/dropout.h"

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/parallel.h"
#include "kernels/cpu/philox_words.h"

namespace papilio::cpu {

void dropout(View y, ConstView x, double p, uint64_t seed, uint64_t offset) {
  dispatch_floating(x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const uint64_t threshold = bernoulli_threshold(p);
    const bool all = threshold > UINT32_MAX;  // p = 1
    const auto limit = uint32_t(threshold);
    const C scale = all ? C(0) : C(1 / (1 - p));
    const int64_t n = x.numel(), batches = (n + kPhiloxWords - 1) / kPhiloxWords;
    parallel_for(batches, 64, [&](int64_t begin, int64_t end) {
      alignas(64) uint32_t words[kPhiloxWords];
      for (int64_t b = begin; b < end; ++b) {
        fill_words(seed, offset / 4 + uint64_t(b) * kPhiloxBlocks, words);
        const T* from = x.as<T>() + b * kPhiloxWords;
        T* to = y.as<T>() + b * kPhiloxWords;
        const int64_t count = std::min<int64_t>(kPhiloxWords, n - b * kPhiloxWords);
#pragma omp simd
        for (int64_t i = 0; i < count; ++i)
          to[i] = words[i] < limit || all ? T(C(0)) : T(C(from[i]) * scale);
      }
    });
  });
}

}  // namespace papilio::cpu
