#include "nn/layers/qkv_attention.h"

#include <cstdint>

#include "autograd/ops/shape.h"

namespace papilio::nn {

QkvAttention::QkvAttention(int64_t features, int64_t heads_, bool qkv_bias, double dropout_,
                           double attention_dropout_)
    : Attention(features, heads_, attention_dropout_),
      qkv(features, 3 * features, qkv_bias),
      proj(features, features),
      dropout(dropout_) {}

HeadProjections QkvAttention::project(const Tensor& x) {
  const Tensor all = qkv(x);  // (B, T, 3 D)
  const int64_t D = x.size(2);
  const auto part = [&](int64_t i) { return split_heads(slice(all, 2, i * D, (i + 1) * D)); };
  return {part(0), part(1), part(2)};
}

void QkvAttention::visit(Visitor& v) {
  v("qkv", qkv);
  v("proj", proj);
  v("dropout", dropout);
  v("attention_dropout", attention_dropout);
}

}  // namespace papilio::nn
