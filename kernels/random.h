// Random numbers from words `offset`, `offset + 1`, ... of the Philox stream that belongs to `seed`
// (kernels/philox.h). Outputs are contiguous; `offset` is a multiple of 4. Element i depends only
// on (seed, offset, i, dtype).
#pragma once

#include <cstdint>

#include "kernels/declare.h"
#include "kernels/philox.h"
#include "kernels/view.h"

namespace papilio {

// Words an element of this dtype takes: 2 if 53 or 64 random bits are wanted, else 1.
constexpr int words_per_element(DType dtype) {
  return dtype == DType::float64 || dtype == DType::int64 || dtype == DType::int32 ||
                 dtype == DType::uint8
             ? 2
             : 1;
}

// randperm's step i: the place that place i - 1 changes with.
PAPILIO_HOST_DEVICE inline int64_t exchanged_with(uint64_t seed, uint64_t offset, int64_t i) {
  const Philox4 four = philox_block(seed, offset / 4 + uint64_t(i - 1) / 2);
  return int64_t(one_below(uint64_t(i), word_pair(four.word, (i - 1) % 2)));
}

// y = low + (high - low) u, u = k / 2^p with p = 53, 24, 11, 8 bits (float64, float32, float16,
// bfloat16): u < 1 exactly. If rounding would reach `high`, y is the largest value below it (low
// = high gives low).
PAPILIO_KERNEL(void uniform(View y, uint64_t seed, uint64_t offset, double low, double high));
// Box-Muller: from words (w0, w1), with u = (w0 + 1/2) / 2^32 and t = 2 pi w1 / 2^32, the elements
// of a pair are mean + std sqrt(-2 ln u) {cos t, sin t}; float64 takes 53 bits for each of u and t.
PAPILIO_KERNEL(void normal(View y, uint64_t seed, uint64_t offset, double mean, double std));
// int64, int32, uint8: low + floor(count * k / 2^64), k of 64 bits. No value is off by more than
// one part in 2^64 / count.
PAPILIO_KERNEL(void randint(View y, uint64_t seed, uint64_t offset, int64_t low, uint64_t count));
// int64: a permutation of 0, ..., n - 1 by Fisher-Yates: for i = n, ..., 2 element i - 1 changes
// places with the element that words 2 (i - 1) and 2 (i - 1) + 1 choose from the first i, as
// randint does.
PAPILIO_KERNEL(void randperm(View y, uint64_t seed, uint64_t offset));
// bool: true with probability p (to 2^-32).
PAPILIO_KERNEL(void bernoulli(View y, uint64_t seed, uint64_t offset, double p));

}  // namespace papilio
