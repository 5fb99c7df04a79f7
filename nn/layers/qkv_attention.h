// QkvAttention: self-attention as timm stores it, with one weight for query, key and value.
#pragma once

#include <cstdint>
#include <string>

#include "nn/layers/attention.h"
#include "nn/layers/linear.h"

namespace papilio::nn {

// Self-attention whose query, key and value are one product, with timm's names: qkv, whose weight
// (3 D, D) has them one below the other, and proj.
struct QkvAttention : Attention {
  Linear qkv, proj;

  QkvAttention(int64_t features, int64_t heads, const AttentionLayerOptions& options = {});
  void visit(Visitor& v) override;
  std::string describe() const override { return str("QkvAttention(", heads, " heads)"); }

 protected:
  HeadProjections project(const Tensor& x) override { return split_projections(qkv(x)); }
  Tensor project_output(const Tensor& y) override { return proj(y); }
};

}  // namespace papilio::nn
