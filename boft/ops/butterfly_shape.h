// Which block sizes and numbers of factors fit a layer.
#pragma once

#include <cstdint>
#include <string_view>

#include "tensor/dims.h"

namespace papilio {

// d coordinates in N blocks of b, rotated by m factors.
struct ButterflyShape {
  int64_t d = 0, b = 0, m = 0, blocks = 0;
  // Coordinates mix only within segments of this many neighbours.
  int64_t segment() const { return b << (m - 1); }
  // (m, N, b, b)
  Dims factors() const { return {m, blocks, b, b}; }
};

// The shape for exactly one of block_size and block_num (the other 0). Valid: m >= 1 and b N = d;
// for m > 1 also b even and d a multiple of b 2^(m-1). Else throws ArgumentError: `who` (a layer or
// an operation), the numbers, the nearest valid choices.
ButterflyShape butterfly_shape(std::string_view who, int64_t d, int64_t block_size,
                               int64_t block_num, int64_t m);

}  // namespace papilio
