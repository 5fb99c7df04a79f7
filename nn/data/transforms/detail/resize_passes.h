// One axis of a picture resized, in an arithmetic of 8-bit pixels or of floats.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "nn/data/transforms/detail/taps.h"
#include "nn/data/transforms/detail/transpose.h"

namespace papilio::nn {

// Weights of 2^-bits, sums of 32 bits, rounded to 8.
struct WholeSums {
  int bits;

  int32_t zero() const { return 1 << (bits - 1); }
  uint8_t pixel(int32_t sum) const { return uint8_t(std::clamp(sum >> bits, 0, 255)); }
};

// Floats as they are.
struct FloatSums {
  float zero() const { return 0; }
  float pixel(float sum) const { return sum; }
};

// to[l] = sum of weights[k] * from[k * step + l] for L neighbouring values side by side.
template <size_t L, typename Value, typename Weight, class Sums>
void sum_taps(const Value* from, int64_t step, const std::vector<Weight>& weights, const Sums& sums,
              Value* to) {
  std::array<Weight, L> sum;
  sum.fill(sums.zero());
  for (const Weight w : weights) {
    for (size_t l = 0; l < L; ++l) sum[l] += w * from[l];
    from += step;
  }
  for (size_t l = 0; l < L; ++l) to[l] = sums.pixel(sum[l]);
}

template <class Picture, typename Weight, class Sums>
Picture with_columns(const Picture& in, const std::vector<Taps<Weight>>& taps, const Sums& sums) {
  constexpr int64_t L = 32;  // rows that become neighbours
  const int64_t c = in.channels, in_row = in.width * c, out_row = int64_t(taps.size()) * c;
  Picture out{int64_t(taps.size()), in.height, c, {}};
  out.pixels.resize(size_t(out_row * in.height));
  decltype(out.pixels) from(size_t(in_row * L)), to(size_t(out_row * L));  // L rows, transposed
  for (int64_t y = 0; y < in.height; y += L) {
    const int64_t count = std::min(L, in.height - y);
    transpose(in.pixels.data() + y * in_row, count, in_row, in_row, from.data(), L);
    auto* sum = to.data();
    for (const Taps<Weight>& t : taps) {
      for (int64_t k = 0; k < c; ++k, sum += L)
        sum_taps<L>(from.data() + (t.begin * c + k) * L, c * L, t.weights, sums, sum);
    }
    transpose(to.data(), out_row, count, L, out.pixels.data() + y * out_row, out_row);
  }
  return out;
}

template <class Picture, typename Weight, class Sums>
Picture with_rows(const Picture& in, const std::vector<Taps<Weight>>& taps, const Sums& sums) {
  constexpr int64_t L = 64;
  const int64_t row = in.width * in.channels;
  Picture out{in.width, int64_t(taps.size()), in.channels, {}};
  out.pixels.resize(size_t(row) * taps.size());
  auto* to = out.pixels.data();
  for (const Taps<Weight>& t : taps) {
    const auto* from = in.pixels.data() + t.begin * row;
    int64_t x = 0;
    for (; x + L <= row; x += L) sum_taps<L>(from + x, row, t.weights, sums, to + x);
    for (; x < row; ++x) sum_taps<1>(from + x, row, t.weights, sums, to + x);
    to += row;
  }
  return out;
}

// The pixels at these places of the input.
template <class Picture>
Picture picked(const Picture& in, const std::vector<int64_t>& down,
               const std::vector<int64_t>& across) {
  Picture out{int64_t(across.size()), int64_t(down.size()), in.channels, {}};
  out.pixels.reserve(down.size() * across.size() * size_t(in.channels));
  for (const int64_t row : down) {
    for (const int64_t column : across) {
      const auto from = in.pixels.begin() + (row * in.width + column) * in.channels;
      out.pixels.insert(out.pixels.end(), from, from + in.channels);
    }
  }
  return out;
}

}  // namespace papilio::nn
