#include "kernels/quantize.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/cpu/parallel.h"

namespace papilio::cpu {

namespace {

// The nearest value of a table, by the bounds between its values in order.
class Nearest {
 public:
  explicit Nearest(ConstView table) : places_(size_t(table.numel())) {
    const auto* values = table.as<float>();
    for (size_t i = 0; i < places_.size(); ++i) places_[i] = uint8_t(i);
    std::ranges::stable_sort(places_, {}, [&](uint8_t place) { return values[place]; });
    for (size_t i = 0; i + 1 < places_.size(); ++i)
      bounds_.push_back((values[places_[i]] + values[places_[i + 1]]) / 2);
  }
  uint8_t operator()(float x) const {
    return places_[size_t(std::ranges::lower_bound(bounds_, x) - bounds_.begin())];
  }

 private:
  std::vector<uint8_t> places_;  // of the values in ascending order
  std::vector<float> bounds_;
};

constexpr float kLeast = 1e-38F;  // that a block is divided by

// Calls code(i, place) for each element of a block; returns its largest magnitude.
template <class F>
float quantize_block(const float* x, int64_t begin, int64_t end, bool whole, const Nearest& nearest,
                     F&& code) {
  float absmax = 0;
  for (int64_t i = begin; i < end; ++i) absmax = std::max(absmax, std::abs(x[i]));
  const float divisor = std::max(absmax, kLeast), factor = 1 / divisor;
  for (int64_t i = begin; i < end; ++i)
    code(i, nearest(std::clamp(whole ? x[i] * factor : x[i] / divisor, -1.0F, 1.0F)));
  return whole ? absmax : divisor;
}

// store(i, place): where an element's code goes; two threads never share a block.
template <class F>
void by_blocks(View absmax, ConstView x, ConstView table, int64_t block_size, F&& store) {
  const Nearest nearest(table);
  const int64_t n = x.numel();
  const auto* in = x.as<float>();
  auto* of_block = absmax.as<float>();
  parallel_for(
      absmax.numel(), std::max<int64_t>(1, 16384 / block_size), [&](int64_t first, int64_t last) {
        for (int64_t b = first; b < last; ++b) {
          const int64_t begin = b * block_size, end = std::min(begin + block_size, n);
          of_block[b] = quantize_block(in, begin, end, end - begin == block_size, nearest, store);
        }
      });
}

}  // namespace

void quantize_4bit(View codes, View absmax, ConstView x, ConstView table, int64_t block_size) {
  auto* out = codes.as<uint8_t>();
  std::fill_n(out, codes.numel(), uint8_t(0));
  // Blocks have an even number of elements, so that no byte lies in two.
  by_blocks(absmax, x, table, block_size, [out](int64_t i, uint8_t place) {
    out[i / 2] = uint8_t(out[i / 2] | (i % 2 == 0 ? place << 4 : place));
  });
}

void quantize_8bit(View codes, View absmax, ConstView x, ConstView table, int64_t block_size) {
  auto* out = codes.as<uint8_t>();
  by_blocks(absmax, x, table, block_size, [out](int64_t i, uint8_t place) { out[i] = place; });
}

void quantize_rows(View codes, View scale, ConstView x) {
  const int64_t C = x.size(1);
  const auto* in = x.as<float>();
  auto* out = codes.as<uint8_t>();
  auto* of_row = scale.as<float>();
  parallel_for(x.size(0), std::max<int64_t>(1, 16384 / std::max<int64_t>(1, C)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t r = begin; r < end; ++r) {
                   float largest = 0;
                   for (int64_t c = r * C; c < (r + 1) * C; ++c)
                     largest = std::max(largest, std::abs(in[c]));
                   of_row[r] = largest;
                   // Below 3.7e-37 that is infinite, and the row as it is divided.
                   const float factor = largest > 0 ? 127 / largest : 0;
                   const bool finite = factor <= std::numeric_limits<float>::max();
                   for (int64_t c = r * C; c < (r + 1) * C; ++c) {
                     const float part = finite ? in[c] * factor : in[c] / largest * 127;
                     out[c] = uint8_t(int8_t(std::nearbyint(part)));
                   }
                 }
               });
}

}  // namespace papilio::cpu
