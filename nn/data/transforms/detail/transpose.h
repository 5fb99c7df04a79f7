// Rows of a matrix as its columns, which turns what lies below one another into neighbours.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace papilio::nn {

// Exchanges the upper `bits` of every 2 `bits` of a with the lower ones of b.
inline void exchange(uint64_t& a, uint64_t& b, int bits, uint64_t lower) {
  const uint64_t t = ((a >> bits) ^ b) & lower;
  b ^= t;
  a ^= t << bits;
}

// to[i][j] = from[j][i] of 8 x 8 bytes: halves of words, then quarters, then bytes change places.
inline void transpose_square(const uint8_t* from, int64_t from_row, uint8_t* to, int64_t to_row) {
  std::array<uint64_t, 8> w;
  for (size_t i = 0; i < 8; ++i) std::memcpy(&w[i], from + int64_t(i) * from_row, 8);
  for (const size_t i : {0, 1, 2, 3}) exchange(w[i], w[i + 4], 32, 0x00000000ffffffff);
  for (const size_t i : {0, 1, 4, 5}) exchange(w[i], w[i + 2], 16, 0x0000ffff0000ffff);
  for (const size_t i : {0, 2, 4, 6}) exchange(w[i], w[i + 1], 8, 0x00ff00ff00ff00ff);
  for (size_t i = 0; i < 8; ++i) std::memcpy(to + int64_t(i) * to_row, &w[i], 8);
}
inline void transpose_square(const float* from, int64_t from_row, float* to, int64_t to_row) {
  for (int64_t y = 0; y < 8; ++y) {
    for (int64_t x = 0; x < 8; ++x) to[x * to_row + y] = from[y * from_row + x];
  }
}

// to[i][j] = from[j][i] for rows j and columns i; a row of `from` and of `to` takes from_row and
// to_row values.
template <typename Value>
void transpose(const Value* from, int64_t rows, int64_t columns, int64_t from_row, Value* to,
               int64_t to_row) {
  for (int64_t j = 0; j < rows; j += 8) {
    for (int64_t i = 0; i < columns; i += 8) {
      const Value* const corner = from + j * from_row + i;
      Value* const there = to + i * to_row + j;
      const int64_t height = std::min<int64_t>(rows - j, 8),
                    width = std::min<int64_t>(columns - i, 8);
      if (height == 8 && width == 8) {
        transpose_square(corner, from_row, there, to_row);
        continue;
      }
      for (int64_t y = 0; y < height; ++y) {
        for (int64_t x = 0; x < width; ++x) there[x * to_row + y] = corner[y * from_row + x];
      }
    }
  }
}

}  // namespace papilio::nn
