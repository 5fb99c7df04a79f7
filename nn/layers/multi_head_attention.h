// MultiHeadAttention: self-attention as ViT and its relatives name its parts.
#pragma once

#include <cstdint>
#include <string>

#include "nn/layers/attention.h"
#include "nn/layers/linear.h"

namespace papilio::nn {

// Self-attention with separate query, key and value projections, named as in Hugging Face
// Transformers: attention.query, attention.key, attention.value, output.dense.
struct MultiHeadAttention : Attention {
  Linear query, key, value, output;

  MultiHeadAttention(int64_t features, int64_t heads, const AttentionLayerOptions& options = {});
  void visit(Visitor& v) override;
  std::string describe() const override { return str("MultiHeadAttention(", heads, " heads)"); }

 protected:
  HeadProjections project(const Tensor& x) override;
  Tensor project_output(const Tensor& y) override { return output(y); }
};

}  // namespace papilio::nn
