// Two tokens as one key of a hash table.
#pragma once

#include <cstdint>

namespace papilio::nn {

// Ids are from 0 to 2^32 - 1.
inline uint64_t pair_key(int64_t left, int64_t right) {
  return uint64_t(left) << 32 | uint64_t(right);
}

}  // namespace papilio::nn
