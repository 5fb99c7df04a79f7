// Layer normalisation of rows: the last dimension, C columns. Every view is contiguous and of x's
// dtype, but `statistics`: (rows, 2), the mean and 1 / sqrt(variance + eps) of each row, float64
// for float64 and float32 otherwise.
#pragma once

#include "kernels/declare.h"
#include "kernels/view.h"

namespace papilio {

// y = (x - mean) rstd weight + bias. weight, bias: (C); those whose data is null are 1 and 0.
PAPILIO_KERNEL(void layer_norm(View y, View statistics, ConstView x, ConstView weight,
                               ConstView bias, double eps));

// The same of sum = a + b (rounded to its dtype), in one pass.
struct AddLayerNorm {
  View sum, y, statistics;
  ConstView a, b, weight, bias;
  double eps;
};
PAPILIO_KERNEL(void add_layer_norm(const AddLayerNorm& args));

// With n = (x - mean) rstd and g = dy weight:
// dx = rstd (g - mean(g) - n mean(g n));  dweight = sum_rows dy n;  dbias = sum_rows dy.
// Outputs whose data is null are left out. Rows are summed in a fixed order, whatever the number of
// threads.
struct LayerNormBackward {
  View dx, dweight, dbias;
  ConstView dy, x, statistics, weight;
};
PAPILIO_KERNEL(void layer_norm_backward(const LayerNormBackward& args));

}  // namespace papilio
