#include "nn/layers/multi_head_attention.h"

#include <cstdint>

namespace papilio::nn {

MultiHeadAttention::MultiHeadAttention(int64_t features, int64_t heads_,
                                       const AttentionLayerOptions& options)
    : Attention(features, heads_, options),
      query(features, features, options.qkv_bias),
      key(features, features, options.qkv_bias),
      value(features, features, options.qkv_bias),
      output(features, features) {}

HeadProjections MultiHeadAttention::project(const Tensor& x) {
  // The order in which the gradient of x is summed: value, key, query.
  const Tensor v = split_heads(value(x)), k = split_heads(key(x));
  return {split_heads(query(x)), k, v};
}

void MultiHeadAttention::visit(Visitor& v) {
  v("attention.query", query);
  v("attention.key", key);
  v("attention.value", value);
  v("output.dense", output);
  v("dropout", dropout);
  v("attention_dropout", attention_dropout);
}

}  // namespace papilio::nn
