// What every self-attention does; how it makes queries, keys and values is a subclass's.
#pragma once

#include <cstdint>
#include <optional>

#include "nn/layers/dropout.h"
#include "nn/module.h"

namespace papilio::nn {

// One vector a token and head: (B, heads, T, D / heads), views of projections if they can be.
struct HeadProjections {
  Tensor query, key, value;
};

// What the layers of attention have in common. Rates of dropout, in training, are in [0, 1).
struct AttentionLayerOptions {
  bool qkv_bias = true;          // of the projections that make query, key and value
  double dropout = 0;            // of the output
  double attention_dropout = 0;  // of the probabilities; it asks for the (T, T) matrix
};

// Self-attention: softmax(q k^T / sqrt(d)) v for every head, then an output projection. x: (B, T,
// D), D divisible by the number of heads. What makes q, k and v of x, and what projects the result,
// is the subclass's.
struct Attention : Module {
  Dropout dropout, attention_dropout;  // as in the options
  int64_t features, heads;
  std::optional<double> scale = {};  // of the scores; 1 / sqrt(d) if nothing is given
  bool causal = false;               // a token sees itself and those before it

  Tensor operator()(const Tensor& x) { return attend(project(x)); }
  // softmax(q k^T / sqrt(d)), (B, heads, T, T), for pictures.
  Tensor probabilities(const Tensor& x) { return attention_of(project(x)); }

  // q k^T, and the probabilities times v.
  double multiply_adds(const Extent& extent) const override {
    return 2 * extent.tokens * extent.tokens * double(features);
  }

 protected:
  // Throws ArgumentError if `features` do not divide into the heads.
  Attention(int64_t features, int64_t heads, const AttentionLayerOptions& options);
  // x: (B, T, D)
  virtual HeadProjections project(const Tensor& x) = 0;
  // (B, T, D) -> (B, T, D)
  virtual Tensor project_output(const Tensor& y) = 0;
  // (B, T, D) -> (B, heads, T, D / heads), a view.
  Tensor split_heads(const Tensor& x) const;
  // (B, T, 3 D), query, key and value beside each other, as three such views.
  HeadProjections split_projections(const Tensor& all) const;
  // What the projections make of each other: (B, heads, T, T); and the layer's output, (B, T, D).
  Tensor attention_of(const HeadProjections& p) const;
  Tensor attend(const HeadProjections& p);
};

}  // namespace papilio::nn
