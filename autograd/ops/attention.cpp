#include "autograd/ops/attention.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include "autograd/autocast.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/compare.h"
#include "autograd/ops/detail/check.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape.h"
#include "autograd/ops/softmax.h"
#include "autograd/ops/where.h"
#include "autograd/record.h"
#include "kernels/attention.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {

namespace {

constexpr const char* kName = "scaled_dot_product_attention";

void check_operand(const Tensor& q, const Tensor& x, const char* what) {
  check_same(kName, q, x);
  check(x.dim() == 4, kName, ": expected ", what, " of shape (B, H, T, D), got ", x.shape());
  check(x.size(0) == q.size(0) && x.size(1) == q.size(1), kName, ": expected ", what,
        " with q's batch and heads (", q.size(0), ", ", q.size(1), ", ...), got ", x.shape());
}

double scale_of(const Tensor& q, const AttentionOptions& options) {
  return options.scale.value_or(1 / std::sqrt(double(q.size(-1))));
}

// The same memory if features lie side by side, as kernels want them.
Tensor dense_features(const Tensor& x) {
  return x.size(3) <= 1 || x.strides()[3] == 1 ? x.detach() : contiguous_data(x);
}

// (B, H, T, D) in (B, T, H, D) memory.
Tensor empty_heads(const Dims& shape, const Tensor& like) {
  const Tensor memory = empty({shape[0], shape[2], shape[1], shape[3]},
                              {.dtype = like.dtype(), .device = like.device()});
  return memory.alias(memory.layout().transpose(kName, 1, 2));
}

void check_causal(const char* name, bool causal, int64_t queries, int64_t keys) {
  check(!causal || queries <= keys, name, ": expected no more queries than keys if causal, got ",
        queries, " and ", keys);
}

}  // namespace

Tensor scaled_dot_product_attention(const Tensor& queries, const Tensor& keys, const Tensor& values,
                                    const AttentionOptions& options) {
  const Tensor q = autocast::to_product(queries), k = autocast::to_product(keys),
               v = autocast::to_product(values);
  check_floating(kName, q, "q");
  check_operand(q, q, "q");
  check_operand(q, k, "k");
  check_operand(q, v, "v");
  check(k.size(3) == q.size(3), kName, ": expected k with q's ", q.size(3), " features, got ",
        k.shape());
  check(v.size(2) == k.size(2), kName, ": expected v with k's ", k.size(2), " keys, got ",
        v.shape());
  check_causal(kName, options.causal, q.size(2), k.size(2));
  const Dims scores{q.size(0), q.size(1), q.size(2), k.size(2)};
  Tensor mask = options.mask;
  if (mask.defined()) {
    check_dtype(kName, mask, DType::boolean, "mask");
    check(broadcast_shapes(kName, mask.shape(), scores) == scores, kName,
          ": expected a mask that broadcasts to ", scores, ", got ", mask.shape());
    mask = mask.alias(mask.layout().expand(kName, scores));
  }
  const double scale = scale_of(q, options);

  const Tensor qd = dense_features(q), kd = dense_features(k), vd = dense_features(v);
  const Tensor y = empty_heads({q.size(0), q.size(1), q.size(2), v.size(3)}, q);
  const Tensor statistics = empty({q.size(0), q.size(1), q.size(2), 2},
                                  {.dtype = compute_dtype(q.dtype()), .device = q.device()});
  pick(q.device(), cpu::attention, cuda::attention)(view(y), view(statistics), view(qd), view(kd),
                                                    view(vd), view_or_none(mask), options.causal,
                                                    scale);
  return record(kName, y, {q, k, v, mask},
                [qd, kd, vd, y, statistics, mask, causal = options.causal, scale](const Tensor& dy,
                                                                                  Needs needs) {
                  const Tensor dq = needs[0] ? empty_heads(qd.shape(), qd) : Tensor();
                  const Tensor dk = needs[1] ? empty_heads(kd.shape(), kd) : Tensor();
                  const Tensor dv = needs[2] ? empty_heads(vd.shape(), vd) : Tensor();
                  pick(y.device(), cpu::attention_backward,
                       cuda::attention_backward)({.dq = view_or_none(dq),
                                                  .dk = view_or_none(dk),
                                                  .dv = view_or_none(dv),
                                                  .dout = view(dense_features(dy)),
                                                  .out = view(y),
                                                  .statistics = view(statistics),
                                                  .q = view(qd),
                                                  .k = view(kd),
                                                  .v = view(vd),
                                                  .mask = view_or_none(mask),
                                                  .causal = causal,
                                                  .scale = scale});
                  return Grads{dq, dk, dv, {}};
                });
}

namespace {

// (T, S): true if the key comes no later than the query.
Tensor causal_mask(int64_t T, int64_t S, const Tensor& like) {
  const TensorOptions positions{.dtype = DType::int64, .device = like.device()};
  return le(arange(S, positions), unsqueeze(arange(T, positions), 1) + double(S - T));
}

}  // namespace

Tensor attention_probabilities(const Tensor& q, const Tensor& k, const AttentionOptions& options) {
  check_floating("attention_probabilities", q, "q");
  check_same("attention_probabilities", q, k);
  check(q.dim() >= 2 && k.dim() >= 2 && q.size(-1) == k.size(-1),
        "attention_probabilities: expected q of shape (..., T, D) and k of shape (..., S, D), got ",
        q.shape(), " and ", k.shape());
  const int64_t T = q.size(-2), S = k.size(-2);
  check_causal("attention_probabilities", options.causal, T, S);
  Tensor scores = matmul(q, transpose(k, -2, -1)) * scale_of(q, options);
  for (const Tensor& mask : {options.mask, options.causal ? causal_mask(T, S, q) : Tensor()}) {
    if (mask.defined()) scores = where(mask, scores, -std::numeric_limits<double>::infinity());
  }
  return softmax(scores);
}

Tensor scaled_dot_product_attention_composed(const Tensor& q, const Tensor& k, const Tensor& v,
                                             const AttentionOptions& options) {
  return matmul(attention_probabilities(q, k, options), v);
}

}  // namespace papilio
