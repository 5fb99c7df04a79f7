// Transformer2DModel: the attention of a UNet, between its convolutions.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nn/layers/block.h"
#include "nn/layers/conv2d.h"
#include "nn/layers/cross_attention.h"
#include "nn/layers/geglu.h"
#include "nn/layers/group_norm.h"
#include "nn/layers/layer_norm.h"
#include "nn/layers/linear.h"

namespace papilio::nn {

// Sizes of a Transformer2DModel.
struct Transformer2DOptions {
  int64_t channels;
  int64_t heads;
  int64_t layers = 1;
  int64_t cross_attention_dim = 0;
  int64_t groups = 32;
  bool use_linear_projection = false;  // proj_in and proj_out are Linear rather than 1x1 Conv2d
};

// x + attn1(norm1(x)), to itself; then + attn2(norm2(x), context); then + ff(norm3(x)).
struct BasicTransformerBlock : Block {
  LayerNorm norm1;
  CrossAttention attn1;
  LayerNorm norm2;
  CrossAttention attn2;
  LayerNorm norm3;
  GegluFeedForward ff;

  explicit BasicTransformerBlock(const Transformer2DOptions& options);
  Tensor operator()(const Tensor& x, const Tensor& context);  // (B, T, C), (B, S, D) -> (B, T, C)
  void visit(Visitor& v) override;
  std::string describe() const override { return "BasicTransformerBlock"; }
};

// Diffusers' Transformer2DModel on continuous input: pixels become tokens, see the context, become
// pixels again, and x is added. x: (B, C, H, W), context: (B, S, cross_attention_dim).
struct Transformer2DModel : Module {
  GroupNorm norm;                                 // eps 1e-6
  std::unique_ptr<Conv2d> conv_in, conv_out;      // proj_in, proj_out: these
  std::unique_ptr<Linear> linear_in, linear_out;  // or these
  std::vector<BasicTransformerBlock> transformer_blocks;

  explicit Transformer2DModel(const Transformer2DOptions& options);
  Tensor operator()(const Tensor& x, const Tensor& context);
  void visit(Visitor& v) override;
  std::string describe() const override { return "Transformer2DModel"; }
};

}  // namespace papilio::nn
