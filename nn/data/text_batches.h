// Batches of token sequences.
#pragma once

#include <cstdint>

#include "nn/data/batch_source.h"
#include "nn/data/sources/text.h"

namespace papilio::nn {

// The class that cross_entropy passes over.
inline constexpr int64_t kIgnored = -100;

// inputs: (B, T) int64, all tokens of the sequences but their last ones, T those of the longest;
// labels: (B, T), the token behind each, kIgnored if it does not count or there is none. Shorter
// sequences are filled up with `padding` behind their end, which no token before it sees.
Batches text_batches(TextData data, int64_t padding = 0);

}  // namespace papilio::nn
