// Where the blocks of a butterfly factor lie, and when its gradient is taken by segments: what both
// backends know of kernels/butterfly_rotation.h, which says how blocks are numbered.
#pragma once

#include <cstdint>

#include "kernels/view.h"

namespace papilio {

// Rows times the factors q: (m, blocks, b, b).
struct ButterflySizes {
  int64_t rows, d, m, blocks, b;
  int64_t w;  // columns of a segment

  ButterflySizes(int64_t rows, ConstView q)
      : rows(rows),
        d(q.size(1) * q.size(3)),
        m(q.size(0)),
        blocks(q.size(1)),
        b(q.size(3)),
        w(b << (m - 1)) {}
  // Elements of one factor.
  PAPILIO_HOST_DEVICE int64_t factor_size() const { return blocks * b * b; }
};

// Where the two halves of block n of factor i begin, in columns. For i = 0 they touch, whatever b.
// I: an integer that holds the columns; on a GPU dividing 32 bits is several times faster.
template <class I>
struct Halves {
  I lo, hi, h;
  PAPILIO_HOST_DEVICE constexpr Halves(I n, I i, I b) : lo(0), hi(0), h(b / 2) {
    const I inside = n & ((I(1) << i) - 1);
    lo = (n >> i) * (b << i) + inside * h;
    hi = lo + (h << i);
  }
  // Coordinate k of the block.
  PAPILIO_HOST_DEVICE constexpr I column(I k) const { return k < h ? lo + k : hi + k - h; }
};

// Whether the gradient of the segments' w x w matrices, 2 w operations for each element of x, is
// cheaper than a walk back through the factors, 6 b m: most of the time.
inline bool prefer_segments(int64_t rows, int64_t b, int64_t m) {
  return m < 40 && rows > b << (m - 1) && int64_t(1) << (m - 1) <= 6 * m;
}

}  // namespace papilio
