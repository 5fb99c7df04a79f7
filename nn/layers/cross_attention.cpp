#include "nn/layers/cross_attention.h"

#include <cstdint>

namespace papilio::nn {

CrossAttention::CrossAttention(int64_t features, int64_t context_features, int64_t heads, bool bias,
                               double dropout)
    : Attention(features, heads, {.dropout = dropout}),
      to_q(features, features, bias),
      to_k(context_features, features, bias),
      to_v(context_features, features, bias),
      to_out(features, features) {}

Tensor CrossAttention::operator()(const Tensor& x, const Tensor& context) {
  return attend(project(x, context));
}

HeadProjections CrossAttention::project(const Tensor& x, const Tensor& context) {
  return {split_heads(to_q(x)), split_heads(to_k(context)), split_heads(to_v(context))};
}

void CrossAttention::visit(Visitor& v) {
  v("to_q", to_q);
  v("to_k", to_k);
  v("to_v", to_v);
  v("to_out.0", to_out);
  v("to_out.1", dropout);
}

}  // namespace papilio::nn
