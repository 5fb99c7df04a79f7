// What resizing adds up, whichever library's arithmetic it follows.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/data/transforms/resize.h"

namespace papilio::nn {

// Where outputs lie: `count` from `first` on, of `all` that the whole input becomes.
struct Range {
  int64_t first, count, all;

  bool keeps(int64_t in) const { return first == 0 && count == in && all == in; }
};

// Rows and columns of a window in a resized picture of (height, width) pixels.
struct Ranges {
  Range rows, columns;
};
// Throws ArgumentError for sizes below 1 and for a window that is not inside.
Ranges ranges_of(int64_t height, int64_t width, const Window& window);

// Output i is the sum of weights[k] * input[begin + k].
template <typename Weight>
struct Taps {
  int64_t begin;
  std::vector<Weight> weights;
};

// The filter at each output's place, stretched when shrinking; weights add up to 1. Computed in
// Real (double, float).
template <typename Real>
std::vector<Taps<Real>> filter_taps(int64_t in, const Range& out, Interpolation interpolation);

// Whole numbers of 2^-bits.
std::vector<Taps<int32_t>> whole_taps(const std::vector<Taps<double>>& taps, int bits);

}  // namespace papilio::nn
