// Group normalisation: x is (B, C, S), S all that follows the channels; group g of G holds
// channels [g C / G, (g + 1) C / G), which lie side by side. Every view is contiguous and of x's
// dtype, but `statistics`: (B G, 2), the mean and 1 / sqrt(variance + eps) of each group, float64
// for float64 and float32 otherwise.
#pragma once

#include <cstdint>

#include "kernels/declare.h"
#include "kernels/view.h"

namespace papilio {

// t = (x - mean) rstd weight + bias; y = t, or with `silu` t sigmoid(t). weight, bias: (C); those
// whose data is null are 1 and 0.
struct GroupNorm {
  View y, statistics;
  ConstView x, weight, bias;
  int64_t groups;
  double eps;
  bool silu;
};
PAPILIO_KERNEL(void group_norm(const GroupNorm& args));

// With d = dy, or dy silu'(t), n = (x - mean) rstd and g = d weight, means over the group:
// dx = rstd (g - mean(g) - n mean(g n));  dweight = sum d n;  dbias = sum d.
// Outputs whose data is null are left out. Sums have a fixed order, whatever the number of threads.
struct GroupNormBackward {
  View dx, dweight, dbias;
  ConstView dy, x, statistics, weight, bias;
  int64_t groups;
  bool silu;
};
PAPILIO_KERNEL(void group_norm_backward(const GroupNormBackward& args));

}  // namespace papilio
