// Batches of a Philox stream's words, made so that loops vectorise.
#pragma once

#include <cstdint>

#include "kernels/philox.h"

namespace papilio::cpu {

constexpr int kPhiloxBlocks = 64,
              kPhiloxWords = 4 * kPhiloxBlocks;  // one batch: enough lanes for any vector unit

// Words 4 * first ... 4 * (first + kPhiloxBlocks) - 1 of the stream.
inline void fill_words(uint64_t seed, uint64_t first, uint32_t* words) {
#pragma omp simd
  for (int b = 0; b < kPhiloxBlocks; ++b) {
    const Philox4 four = philox_block(seed, first + uint64_t(b));
    for (int w = 0; w < 4; ++w) words[4 * b + w] = four.word[w];
  }
}

}  // namespace papilio::cpu
