#include "nn/layers/qkv_attention.h"

#include <cstdint>

namespace papilio::nn {

QkvAttention::QkvAttention(int64_t features, int64_t heads_, const AttentionLayerOptions& options)
    : Attention(features, heads_, options),
      qkv(features, 3 * features, options.qkv_bias),
      proj(features, features) {}

void QkvAttention::visit(Visitor& v) {
  v("qkv", qkv);
  v("proj", proj);
  v("dropout", dropout);
  v("attention_dropout", attention_dropout);
}

}  // namespace papilio::nn
