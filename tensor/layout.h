// Shape, strides and offset of a tensor in its storage: a pure value, tested without any memory
// behind it.
#pragma once

#include <cstdint>

#include "tensor/dims.h"

namespace papilio {

// All strides and the offset count elements. Dimension arguments may be negative (-1 is the last).
// Every function that takes a wrong one throws ArgumentError, beginning with `operation`.
struct Layout {
  Dims shape;
  Dims strides;
  int64_t offset = 0;

  // Row-major. Throws for a negative size and for a product above 2^63 - 1.
  static Layout contiguous(const Dims& shape, const char* operation = "layout");

  // Dimensions, and elements.
  int rank() const { return shape.size(); }
  int64_t numel() const;
  // True when the elements lie in row-major order without gaps; dimensions of size 1 do not count.
  bool is_contiguous() const;

  // Two dimensions exchanged, or all of them in another order.
  Layout transpose(const char* operation, int a, int b) const;
  Layout permute(const char* operation, const Dims& order) const;
  // Elements start, start + step, ... below stop of one dimension. Negative start and stop count
  // from the end; both are clipped to the dimension as Python does. step >= 1.
  Layout slice(const char* operation, int dim, int64_t start, int64_t stop, int64_t step = 1) const;
  // Index `at` of one dimension, which goes away.
  Layout select(const char* operation, int dim, int64_t at) const;
  // Broadcasts to `to`: sizes of 1 become stride 0, new leading dimensions too. -1 keeps a size.
  Layout expand(const char* operation, const Dims& to) const;
  // Removes one dimension of size 1, or all of them.
  Layout squeeze(const char* operation, int dim) const;
  Layout squeeze() const;
  Layout unsqueeze(const char* operation, int dim) const;
  // The same elements in row-major order under another shape, without copying; one size may be -1.
  // `fits` is false if strides forbid it (copy first); a wrong number of elements throws.
  struct Reshaped;
  Reshaped reshape(const char* operation, const Dims& to) const;

  // The same shape, strides and offset.
  bool operator==(const Layout&) const = default;
};

// What reshape returns.
struct Layout::Reshaped {
  bool fits;
  Layout layout;  // row-major with offset 0 if it does not fit
};

// Wraps a dimension number into [0, rank); throws when it is not in [-rank, rank).
int wrap_dim(const char* operation, int64_t dim, int rank);

// The shape two (or more) operands broadcast to: aligned at the end, sizes equal or 1.
Dims broadcast_shapes(const char* operation, const Dims& a, const Dims& b);

}  // namespace papilio
