// The picture of a butterfly: which coordinates each factor joins.
#pragma once

#include <string>

namespace papilio::report {

struct ButterflyPicture {
  int d = 0;  // coordinates
  int b = 0;  // block size
  int m = 0;  // factors
};

// Half-blocks that block n of factor i joins: lo(n, i) = ((n >> i) << (i + 1)) | (n & (2^i - 1)),
// hi = lo + 2^i.
int lower_half_block(int n, int i);

// A column of half-blocks (b/2 coordinates each) before and after every factor, and lines between
// the two half-blocks that each b x b rotation joins. Drawn strong: what the first half-block
// reaches. Segments beyond the picture's height are counted, not drawn: all segments are alike.
// Throws std::invalid_argument for a (d, b, m) that is no butterfly.
std::string draw_butterfly(const ButterflyPicture& shape);

}  // namespace papilio::report
