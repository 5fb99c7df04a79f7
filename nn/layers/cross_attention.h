// CrossAttention: what a text steers a UNet by.
#pragma once

#include <cstdint>
#include <string>

#include "nn/layers/attention.h"
#include "nn/layers/linear.h"

namespace papilio::nn {

// Attention of x to a context, or to itself, named as Diffusers names its parts: to_q, to_k, to_v,
// to_out.0. x: (B, T, features), context: (B, S, context features); y: (B, T, features).
struct CrossAttention : Attention {
  Linear to_q, to_k, to_v, to_out;  // the dropout is to_out.1

  // `bias`: whether to_q, to_k and to_v have one; to_out always does.
  CrossAttention(int64_t features, int64_t context_features, int64_t heads, bool bias = false,
                 double dropout = 0);
  using Attention::operator();
  Tensor operator()(const Tensor& x, const Tensor& context);
  void visit(Visitor& v) override;
  std::string describe() const override { return str("CrossAttention(", heads, " heads)"); }

 protected:
  HeadProjections project(const Tensor& x) override { return project(x, x); }
  Tensor project_output(const Tensor& y) override { return to_out(y); }

 private:
  HeadProjections project(const Tensor& x, const Tensor& context);
};

}  // namespace papilio::nn
