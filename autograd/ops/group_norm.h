// Group normalisation, with a SiLU behind it if asked.
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace papilio {

// How group_norm normalises, and what follows in the same pass.
struct GroupNormOptions {
  double eps = 1e-5;
  bool silu = false;  // y = silu(norm), in the same pass
};

// y = (x - mean) / sqrt(variance + eps) weight + bias, mean and (biased) variance over each of
// `groups` groups of channels and all that follows them; with `silu` y = t sigmoid(t) of that t.
// x: (B, C, ...) floating, C a multiple of groups; weight, bias: (C) of x's dtype, or undefined for
// 1 and 0; y has x's shape. bfloat16 and float16 are computed in float32.
// With d = dy (or dy silu'(t)), n = (x - mean) / sqrt(variance + eps) and g = d weight: dx = (g -
// mean(g) - n mean(g n)) / sqrt(variance + eps), dweight = sum d n, dbias = sum d. What is saved is
// x: silu'(t) is computed again.
// Wu and He: "Group normalization", 2018, equations 1, 6 and 7.
Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight = {},
                  const Tensor& bias = {}, const GroupNormOptions& options = {});

// The same composed of reductions, arithmetic and silu: the reference in tests.
Tensor group_norm_composed(const Tensor& x, int64_t groups, const Tensor& weight = {},
                           const Tensor& bias = {}, const GroupNormOptions& options = {});

}  // namespace papilio
