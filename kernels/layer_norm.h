// Layer normalisation of rows: the last dimension, C columns. Every view is contiguous and of x's
// dtype, but `statistics`: (rows, 2), the mean and 1 / sqrt(variance + eps) of each row, float64
// for float64 and float32 otherwise.
#pragma once

#include "kernels/view.h"

namespace papilio::cpu {

// y = (x - mean) rstd weight + bias. weight, bias: (C); those whose data is null are 1 and 0.
void layer_norm(View y, View statistics, ConstView x, ConstView weight, ConstView bias, double eps);
// The same of sum = a + b (rounded to its dtype), in one pass.
void add_layer_norm(View sum, View y, View statistics, ConstView a, ConstView b, ConstView weight,
                    ConstView bias, double eps);
// With n = (x - mean) rstd and g = dy weight:
// dx = rstd (g - mean(g) - n mean(g n));  dweight = sum_rows dy n;  dbias = sum_rows dy.
// Outputs whose data is null are left out. Rows are summed in a fixed order, whatever the number of
// threads.
void layer_norm_backward(View dx, View dweight, View dbias, ConstView dy, ConstView x,
                         ConstView statistics, ConstView weight);

}  // namespace papilio::cpu

namespace papilio::cuda {

PAPILIO_CUDA void layer_norm(View y, View statistics, ConstView x, ConstView weight, ConstView bias,
                             double eps);
PAPILIO_CUDA void add_layer_norm(View sum, View y, View statistics, ConstView a, ConstView b,
                                 ConstView weight, ConstView bias, double eps);
PAPILIO_CUDA void layer_norm_backward(View dx, View dweight, View dbias, ConstView dy, ConstView x,
                                      ConstView statistics, ConstView weight);

}  // namespace papilio::cuda
