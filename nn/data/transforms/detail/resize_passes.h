// One axis of a picture resized, in an arithmetic of 8-bit pixels or of floats.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "nn/data/transforms/detail/taps.h"

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

// One channel count at compile time, so that the sums stay in registers.
template <int C, class Picture, typename Weight, class Sums>
void resize_rows(const Picture& in, Picture& out, const std::vector<Taps<Weight>>& taps,
                 const Sums& sums) {
  auto* to = out.pixels.data();
  for (int64_t y = 0; y < in.height; ++y) {
    const auto* row = in.pixels.data() + y * in.width * C;
    for (const Taps<Weight>& t : taps) {
      Weight sum[C];
      std::fill_n(sum, C, sums.zero());
      const auto* from = row + t.begin * C;
      for (const Weight w : t.weights) {
        for (int c = 0; c < C; ++c) sum[c] += w * *from++;
      }
      for (int c = 0; c < C; ++c) *to++ = sums.pixel(sum[c]);
    }
  }
}

template <class Picture, typename Weight, class Sums>
Picture with_columns(const Picture& in, const std::vector<Taps<Weight>>& taps, const Sums& sums) {
  Picture out{int64_t(taps.size()), in.height, in.channels, {}};
  out.pixels.resize(size_t(out.width * out.height * out.channels));
  in.channels == 1 ? resize_rows<1>(in, out, taps, sums) : resize_rows<3>(in, out, taps, sums);
  return out;
}

template <class Picture, typename Weight, class Sums>
Picture with_rows(const Picture& in, const std::vector<Taps<Weight>>& taps, const Sums& sums) {
  const int64_t row = in.width * in.channels;
  Picture out{in.width, int64_t(taps.size()), in.channels, {}};
  out.pixels.resize(size_t(row) * taps.size());
  std::vector<Weight> sum;
  auto* to = out.pixels.data();
  for (const Taps<Weight>& t : taps) {
    sum.assign(size_t(row), sums.zero());
    const auto* from = in.pixels.data() + t.begin * row;
    for (const Weight w : t.weights) {
      for (int64_t x = 0; x < row; ++x) sum[size_t(x)] += w * from[x];
      from += row;
    }
    to = std::ranges::transform(sum, to, [&](Weight s) { return sums.pixel(s); }).out;
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
