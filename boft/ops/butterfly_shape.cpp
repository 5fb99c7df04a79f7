#include "boft/ops/butterfly_shape.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace papilio {
namespace {

bool fits(int64_t d, int64_t b, int64_t m) {
  if (b < 1 || d % b) return false;
  if (m == 1) return true;
  return b % 2 == 0 && m < 62 && d / b % (int64_t(1) << (m - 1)) == 0;
}

// "4 and 8": the valid numbers next to `wanted` on both sides; empty if there is none.
template <class Valid>
std::string nearest(int64_t wanted, int64_t largest, Valid valid) {
  int64_t below = std::min(wanted, largest + 1) - 1,
          above = std::clamp<int64_t>(wanted, 0, largest) + 1;
  while (below > 0 && !valid(below)) --below;
  while (above <= largest && !valid(above)) ++above;
  std::string text = below > 0 ? str(below) : "";
  if (above <= largest) text += (text.empty() ? "" : " and ") + str(above);
  return text;
}

// The choices that would work instead, for an error message.
std::string advice(int64_t d, int64_t b, int64_t n, int64_t m) {
  const std::string good =
      b ? nearest(b, d, [&](int64_t size) { return fits(d, size, m); })
        : nearest(n, d, [&](int64_t count) { return d % count == 0 && fits(d, d / count, m); });
  if (good.empty()) {
    int64_t most = std::min<int64_t>(m, 61);  // above, no number of coordinates fits
    while (most > 1 && nearest(0, d, [&](int64_t size) { return fits(d, size, most); }).empty())
      --most;
    return str("no block size fits; boft_n_butterfly_factor can be at most ", most);
  }
  int64_t factors = 0;
  const int64_t size = b ? b : (n && d % n == 0 ? d / n : 0);
  while (size && fits(d, size, factors + 1)) ++factors;
  return str("nearest valid ", b ? "boft_block_size: " : "boft_block_num: ", good,
             factors ? str(", or boft_n_butterfly_factor up to ", factors) : "");
}

}  // namespace

ButterflyShape butterfly_shape(std::string_view who, int64_t d, int64_t block_size,
                               int64_t block_num, int64_t m) {
  const int64_t b = block_size, n = block_num;
  check(d > 0, who, ": expected at least one input coordinate, got ", d);
  check(b >= 0 && n >= 0 && (b == 0) != (n == 0), who,
        ": expected exactly one of boft_block_size and boft_block_num above 0, got ", b, " and ",
        n);
  check(m >= 1, who, ": expected boft_n_butterfly_factor of at least 1, got ", m);
  // Advice is sought only if it is needed: a layer checks its shape in every forward.
  const auto expect = [&](bool good, const auto&... parts) {
    if (!good) throw ArgumentError(str(who, ": ", parts..., "; ", advice(d, b, n, m)));
  };
  expect(b == 0 || d % b == 0, "boft_block_size ", b, " does not divide ", d, " coordinates");
  expect(n == 0 || d % n == 0, "boft_block_num ", n, " does not divide ", d, " coordinates");
  const ButterflyShape shape{d, n ? d / n : b, m, n ? n : d / b};
  if (m == 1) return shape;
  expect(shape.b % 2 == 0, "boft_n_butterfly_factor ", m, " needs an even block size, got ",
         shape.b);
  expect(fits(d, shape.b, m), "boft_n_butterfly_factor ", m,
         " needs a number of blocks divisible by 2^", m - 1, ", got ", shape.blocks,
         shape.blocks == 1 ? " block of " : " blocks of ", shape.b);
  return shape;
}

}  // namespace papilio
