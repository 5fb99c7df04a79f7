#include "nn/layers/rotary_attention.h"

#include <cstdint>

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/cast.h"
#include "autograd/ops/join.h"
#include "autograd/ops/shape.h"

namespace papilio::nn {

namespace {

// x: (B, heads, T, d): x_j cos - x_(j + d/2) sin, and x_(j + d/2) cos + x_j sin, of the patches.
Tensor turned(const Tensor& x, const RotaryPositions& positions) {
  const int64_t first = x.size(2) - positions.cos.size(0), half = x.size(3) / 2;
  check(first >= 0, "RotaryAttention: ", positions.cos.size(0), " positions for ", x.size(2),
        " tokens");
  const Tensor patches = slice(x, 2, first);
  const Tensor partner = concat({-slice(patches, 3, half), slice(patches, 3, 0, half)}, 3);
  const Tensor result =
      patches * cast(positions.cos, x.dtype()) + partner * cast(positions.sin, x.dtype());
  return first == 0 ? result : concat({slice(x, 2, 0, first), result}, 2);
}

}  // namespace

RotaryAttention::RotaryAttention(int64_t features, int64_t heads_, RotaryAttentionBias bias,
                                 double attention_dropout_)
    : Attention(features, heads_, {.attention_dropout = attention_dropout_}),
      q_proj(features, features, bias.query),
      k_proj(features, features, bias.key),
      v_proj(features, features, bias.value),
      o_proj(features, features, bias.output) {}

HeadProjections RotaryAttention::project(const Tensor& x) {
  return {split_heads(q_proj(x)), split_heads(k_proj(x)), split_heads(v_proj(x))};
}

HeadProjections RotaryAttention::project(const Tensor& x, const RotaryPositions& positions) {
  const HeadProjections p = project(x);
  return {turned(p.query, positions), turned(p.key, positions), p.value};
}

Tensor RotaryAttention::operator()(const Tensor& x, const RotaryPositions& positions) {
  return attend(project(x, positions));
}

Tensor RotaryAttention::probabilities(const Tensor& x, const RotaryPositions& positions) {
  return attention_of(project(x, positions));
}

void RotaryAttention::visit(Visitor& v) {
  v("q_proj", q_proj);
  v("k_proj", k_proj);
  v("v_proj", v_proj);
  v("o_proj", o_proj);
  v("attention_dropout", attention_dropout);
}

}  // namespace papilio::nn
