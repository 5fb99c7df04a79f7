// RotaryAttention: self-attention of DINOv3, with positions as rotations.
#pragma once

#include <cstdint>
#include <string>

#include "nn/layers/attention.h"
#include "nn/layers/linear.h"

namespace papilio::nn {

// cos and sin of the angle by which each number of a head is turned with its partner half a head
// further: (patches, D / heads).
struct RotaryPositions {
  Tensor cos, sin;
};

// Which of RotaryAttention's projections have a bias.
struct RotaryAttentionBias {
  bool query = true, key = false, value = true, output = true;
};

// Self-attention whose queries and keys carry their positions as rotations (RoFormer, arXiv
// 2104.09864), with DINOv3's names: q_proj, k_proj, v_proj, o_proj. The tokens before the patches
// are not turned.
struct RotaryAttention : Attention {
  Linear q_proj, k_proj, v_proj, o_proj;

  RotaryAttention(int64_t features, int64_t heads, RotaryAttentionBias bias = {},
                  double attention_dropout = 0);
  // x: (B, T, D), of which the last tokens are the patches.
  Tensor operator()(const Tensor& x, const RotaryPositions& positions);
  // softmax(q k^T / sqrt(d)), (B, heads, T, T), for pictures.
  Tensor probabilities(const Tensor& x, const RotaryPositions& positions);
  void visit(Visitor& v) override;
  std::string describe() const override { return str("RotaryAttention(", heads, " heads)"); }

 protected:
  HeadProjections project(const Tensor& x) override;
  Tensor project_output(const Tensor& y) override { return o_proj(y); }

 private:
  HeadProjections project(const Tensor& x, const RotaryPositions& positions);
};

}  // namespace papilio::nn
