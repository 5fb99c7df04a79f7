#pragma once

#include <cstdint>
#include <string>

#include "nn/layers/dropout.h"
#include "nn/layers/linear.h"

namespace papilio::nn {

// Self-attention with separate query, key and value projections, named as in Hugging Face
// Transformers: attention.query, attention.key, attention.value, output.dense. x: (B, T, D), D
// divisible by the number of heads.
struct MultiHeadAttention : Module {
  Linear query, key, value, output;
  Dropout dropout;            // after output
  Dropout attention_dropout;  // of the probabilities; in training it asks for the (T, T) matrix
  int64_t heads;

  MultiHeadAttention(int64_t features, int64_t heads, bool qkv_bias = true, double dropout = 0,
                     double attention_dropout = 0);
  Tensor operator()(const Tensor& x);
  // softmax(q k^T / sqrt(d)), (B, heads, T, T), for pictures.
  Tensor probabilities(const Tensor& x);
  void visit(Visitor& v) override;
  std::string describe() const override { return str("MultiHeadAttention(", heads, " heads)"); }

 private:
  // (B, T, D) -> (B, heads, T, D / heads), a view.
  Tensor split_heads(const Tensor& x) const;
};

}  // namespace papilio::nn
