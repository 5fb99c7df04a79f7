#include "nn/layers/transformer2d.h"

#include <array>
#include <cstdint>

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/layer_norm.h"
#include "autograd/ops/shape.h"

namespace papilio::nn {

namespace {

constexpr std::array<int64_t, 2> kOne{1, 1};

// (B, C, H, W) -> (B, H W, C)
Tensor tokens(const Tensor& x) {
  return flatten(permute(x, {0, 2, 3, 1}), 1, 2);
}

// (B, H W, C) -> (B, C, H, W) of x's shape
Tensor pixels(const Tensor& t, const Tensor& x) {
  return permute(reshape(t, {x.size(0), x.size(2), x.size(3), t.size(-1)}), {0, 3, 1, 2});
}

}  // namespace

BasicTransformerBlock::BasicTransformerBlock(const Transformer2DOptions& o)
    : norm1(o.channels),
      attn1(o.channels, o.channels, o.heads),
      norm2(o.channels),
      attn2(o.channels, o.cross_attention_dim, o.heads),
      norm3(o.channels),
      ff(o.channels) {}

Tensor BasicTransformerBlock::operator()(const Tensor& x, const Tensor& context) {
  const auto block = [this, context](const Tensor& in) {
    const SumAndNorm seen = norm2.add_and_norm(in, attn1(norm1(in)));
    const SumAndNorm told = norm3.add_and_norm(seen.sum, attn2(seen.norm, context));
    return told.sum + mlp_part([this](const Tensor& inner) { return ff(inner); }, told.norm);
  };
  return whole(block, x);
}

void BasicTransformerBlock::visit(Visitor& v) {
  v("norm1", norm1);
  v("attn1", attn1);
  v("norm2", norm2);
  v("attn2", attn2);
  v("norm3", norm3);
  v("ff", ff);
}

Transformer2DModel::Transformer2DModel(const Transformer2DOptions& o)
    : norm(o.groups, o.channels, 1e-6) {
  if (o.use_linear_projection) {
    linear_in = std::make_unique<Linear>(o.channels, o.channels);
    linear_out = std::make_unique<Linear>(o.channels, o.channels);
  } else {
    conv_in = std::make_unique<Conv2d>(o.channels, o.channels, kOne);
    conv_out = std::make_unique<Conv2d>(o.channels, o.channels, kOne);
  }
  for (int64_t i = 0; i < o.layers; ++i) transformer_blocks.emplace_back(o);
}

Tensor Transformer2DModel::operator()(const Tensor& x, const Tensor& context) {
  const Tensor n = norm(x);
  Tensor t = conv_in ? tokens((*conv_in)(n)) : (*linear_in)(tokens(n));
  for (BasicTransformerBlock& block : transformer_blocks) t = block(t, context);
  return (conv_out ? (*conv_out)(pixels(t, x)) : pixels((*linear_out)(t), x)) + x;
}

void Transformer2DModel::visit(Visitor& v) {
  v("norm", norm);
  v("proj_in", conv_in);
  v("proj_in", linear_in);
  v("transformer_blocks", transformer_blocks);
  v("proj_out", conv_out);
  v("proj_out", linear_out);
}

}  // namespace papilio::nn
