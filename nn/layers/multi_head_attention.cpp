#include "nn/layers/multi_head_attention.h"

#include <cmath>
#include <cstdint>

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/attention.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape.h"
#include "autograd/ops/softmax.h"

namespace papilio::nn {

MultiHeadAttention::MultiHeadAttention(int64_t features, int64_t heads_, bool qkv_bias,
                                       double dropout_, double attention_dropout_)
    : query(features, features, qkv_bias),
      key(features, features, qkv_bias),
      value(features, features, qkv_bias),
      output(features, features),
      dropout(dropout_),
      attention_dropout(attention_dropout_),
      heads(heads_) {
  check(heads >= 1 && features % heads == 0, "MultiHeadAttention: ", features,
        " features do not divide into ", heads, " heads");
}

Tensor MultiHeadAttention::split_heads(const Tensor& x) const {
  return transpose(reshape(x, {x.size(0), x.size(1), heads, x.size(2) / heads}), 1, 2);
}

Tensor MultiHeadAttention::operator()(const Tensor& x) {
  check(x.dim() == 3, "MultiHeadAttention: expected x of shape (B, T, D), got ", x.shape());
  const bool drops = attention_dropout.p > 0 && training;
  const Tensor v = split_heads(value(x));
  const Tensor y =
      drops ? matmul(attention_dropout(probabilities(x)), v)
            : scaled_dot_product_attention(split_heads(query(x)), split_heads(key(x)), v);
  return dropout(output(reshape(transpose(y, 1, 2), x.shape())));
}

Tensor MultiHeadAttention::probabilities(const Tensor& x) {
  const Tensor q = split_heads(query(x)), k = split_heads(key(x));
  return softmax(matmul(q, transpose(k, -1, -2)) * (1 / std::sqrt(double(q.size(-1)))));
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
