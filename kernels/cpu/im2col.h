// A convolution's patches as the columns of a matrix, tile by tile.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/conv2d.h"
#include "kernels/dtype.h"

namespace papilio::cpu {

// Sizes of a convolution; groups are taken apart: C and O count the channels of one group.
struct Conv2dSizes {
  int64_t B, groups, C, H, W, O, kh, kw, OH, OW;
  Conv2dOptions options;

  Conv2dSizes(const ConstView& x, const ConstView& w, const ConstView& y, const Conv2dOptions& o)
      : B(x.size(0)),
        groups(o.groups),
        C(w.size(1)),
        H(x.size(2)),
        W(x.size(3)),
        O(w.size(0) / o.groups),
        kh(w.size(2)),
        kw(w.size(3)),
        OH(y.size(2)),
        OW(y.size(3)),
        options(o) {}

  int64_t patch() const { return C * kh * kw; }  // rows of the column matrix
  int64_t positions() const { return OH * OW; }  // its columns
  int64_t pixels() const { return H * W; }
  // Positions a tile, so that a tile stays in a core's second-level cache.
  int64_t tile() const {
    const int64_t fit = 65536 / std::max<int64_t>(patch(), 1) / 16 * 16;
    return std::max<int64_t>(1, std::min(std::max<int64_t>(fit, 64), positions()));
  }
  int64_t tiles() const { return (positions() + tile() - 1) / tile(); }
};

// Walks one row (c, i, j) of the column matrix over positions [begin, end): calls
// f(at, count, from), where `count` columns from `at` (relative to begin) read input pixel `from`,
// from + stride.w, ... of channel c, or zeros if `from` is negative.
template <class F>
void walk_patch_row(const Conv2dSizes& s, int64_t i, int64_t j, int64_t begin, int64_t end, F&& f) {
  const Pair stride = s.options.stride, padding = s.options.padding, dilation = s.options.dilation;
  const int64_t left = j * dilation.w - padding.w;  // input column of output column 0
  // Output columns whose input column lies in [0, W).
  const int64_t first = left >= 0 ? 0 : (-left + stride.w - 1) / stride.w;
  const int64_t stop = left >= s.W ? 0 : (s.W - 1 - left) / stride.w + 1;
  for (int64_t p = begin; p < end;) {
    const int64_t oh = p / s.OW, ow = p % s.OW, row_end = std::min(s.OW, ow + end - p);
    const int64_t ih = oh * stride.h + i * dilation.h - padding.h;
    int64_t a = row_end, b = row_end;  // the part inside the image
    if (ih >= 0 && ih < s.H) {
      a = std::clamp(first, ow, row_end);
      b = std::clamp(stop, a, row_end);
    }
    const int64_t at = p - begin;
    if (a > ow) f(at, a - ow, int64_t(-1));
    if (b > a) f(at + a - ow, b - a, ih * s.W + left + a * stride.w);
    if (row_end > b) f(at + b - ow, row_end - b, int64_t(-1));
    p += row_end - ow;
  }
}

// Columns [begin, end) of one image's (and group's) column matrix: col: (patch, end - begin).
template <class T>
void im2col(const Conv2dSizes& s, const T* x, int64_t begin, int64_t end, compute_t<T>* col) {
  using C = compute_t<T>;
  const int64_t step = s.options.stride.w;
  for (int64_t c = 0; c < s.C; ++c, x += s.pixels())
    for (int64_t i = 0; i < s.kh; ++i)
      for (int64_t j = 0; j < s.kw; ++j, col += end - begin)
        walk_patch_row(s, i, j, begin, end, [&](int64_t at, int64_t count, int64_t from) {
          C* to = col + at;
          if (from < 0) {
            std::fill(to, to + count, C(0));
          } else if (step == 1) {
            std::copy(x + from, x + from + count, to);
          } else {
            for (int64_t k = 0; k < count; ++k) to[k] = C(x[from + k * step]);
          }
        });
}

// The transpose: adds the columns to the pixels they were read from.
template <class C>
void col2im(const Conv2dSizes& s, C* dx, int64_t begin, int64_t end, const C* col) {
  const int64_t step = s.options.stride.w;
  for (int64_t c = 0; c < s.C; ++c, dx += s.pixels())
    for (int64_t i = 0; i < s.kh; ++i)
      for (int64_t j = 0; j < s.kw; ++j, col += end - begin)
        walk_patch_row(s, i, j, begin, end, [&](int64_t at, int64_t count, int64_t from) {
          if (from < 0) return;
          const C* d = col + at;
          for (int64_t k = 0; k < count; ++k) dx[from + k * step] += d[k];
        });
}

}  // namespace papilio::cpu
