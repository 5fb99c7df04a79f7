#include "nn/layers/multi_head_attention.h"

#include "autograd/ops/attention.h"
#include "autograd/ops/shape.h"

namespace papilio::nn {

MultiHeadAttention::MultiHeadAttention(int64_t features, int64_t heads_, bool qkv_bias,
                                       double dropout_)
    : query(features, features, qkv_bias),
      key(features, features, qkv_bias),
      value(features, features, qkv_bias),
      output(features, features),
      dropout(dropout_),
      heads(heads_) {
  check(heads >= 1 && features % heads == 0, "MultiHeadAttention: ", features,
        " features do not divide into ", heads, " heads");
}

Tensor MultiHeadAttention::split_heads(const Tensor& x) const {
  return transpose(reshape(x, {x.size(0), x.size(1), heads, -1}), 1, 2);
}

Tensor MultiHeadAttention::operator()(const Tensor& x) {
  check(x.dim() == 3, "MultiHeadAttention: expected x of shape (B, T, D), got ", x.shape());
  const Tensor y = scaled_dot_product_attention(split_heads(query(x)), split_heads(key(x)),
                                                split_heads(value(x)));
  return dropout(output(reshape(transpose(y, 1, 2), x.shape())));
}

Tensor MultiHeadAttention::probabilities(const Tensor& x) {
  return attention_probabilities(split_heads(query(x)), split_heads(key(x)));
}

void MultiHeadAttention::visit(Visitor& v) {
  v("attention.query", query);
  v("attention.key", key);
  v("attention.value", value);
  v("output.dense", output);
  v("dropout", dropout);
}

}  // namespace papilio::nn
