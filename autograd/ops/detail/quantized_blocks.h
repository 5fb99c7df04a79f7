// How quantised numbers are divided.
#pragma once

#include <cstdint>

namespace papilio {

// Blocks of `block_size` that n numbers make; the last may be shorter.
inline int64_t blocks_of(int64_t n, int64_t block_size) {
  return (n + block_size - 1) / block_size;
}

}  // namespace papilio
