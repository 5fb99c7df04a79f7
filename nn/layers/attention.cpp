#include "nn/layers/attention.h"

#include <cstdint>

#include "autograd/ops/attention.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape.h"

namespace papilio::nn {

Attention::Attention(int64_t features_, int64_t heads_, const AttentionLayerOptions& options)
    : dropout(options.dropout),
      attention_dropout(options.attention_dropout),
      features(features_),
      heads(heads_) {
  check(heads >= 1 && features % heads == 0, "Attention: ", features,
        " features do not divide into ", heads, " heads");
}

Tensor Attention::split_heads(const Tensor& x) const {
  check(x.dim() == 3, "Attention: expected x of shape (B, T, D), got ", x.shape());
  return transpose(reshape(x, {x.size(0), x.size(1), heads, x.size(2) / heads}), 1, 2);
}

HeadProjections Attention::split_projections(const Tensor& all) const {
  const int64_t D = all.size(-1) / 3;
  const auto part = [&](int64_t i) { return split_heads(slice(all, 2, i * D, (i + 1) * D)); };
  return {part(0), part(1), part(2)};
}

Tensor Attention::attention_of(const HeadProjections& p) const {
  return attention_probabilities(p.query, p.key, {.scale = scale, .causal = causal});
}

Tensor Attention::attend(const HeadProjections& p) {
  const bool drops = attention_dropout.p > 0 && training;
  const Tensor y = drops ? matmul(attention_dropout(attention_of(p)), p.value)
                         : scaled_dot_product_attention(p.query, p.key, p.value,
                                                        {.scale = scale, .causal = causal});
  return dropout(project_output(flatten(transpose(y, 1, 2), 2, 3)));
}

}  // namespace papilio::nn
