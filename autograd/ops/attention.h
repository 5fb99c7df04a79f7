// Scaled dot product attention.
#pragma once

#include <optional>

#include "tensor/tensor.h"

namespace papilio {

struct AttentionOptions {
  std::optional<double> scale = {};  // 1 / sqrt(D) if nothing is given
  // bool, broadcast to (B, H, T, S): true if the query may see the key. Undefined: everywhere.
  Tensor mask = {};
  // Query t of T sees keys 0 ... t + S - T of S: the last query sees all, so that queries may be
  // the newest ones of a longer sequence whose keys are kept. For T = S this is PyTorch's
  // is_causal; for T < S its causal_lower_right, not is_causal (upper left). T > S is an error. A
  // mask hides further keys. Nothing of size (T, S) is made.
  bool causal = false;
};

// y = softmax(scale q k^T) v for every head: y_t = sum_s p_ts v_s, p_t = softmax_s(scale q_t .
// k_s). q: (B, H, T, D), k: (B, H, S, D), v: (B, H, S, E), of one floating dtype; y: (B, H, T, E).
// The (T, S) matrix is never stored: memory grows with T + S (Dao and others: "FlashAttention",
// 2022). Views of (B, T, H, D) projections are read as they lie, and y lies in memory as (B, T, H,
// E), so that transpose(y, 1, 2) reshapes to (B, T, H E) without a copy; so do the gradients. A
// query whose mask hides every key gets NaN, as softmax over nothing does. Gradients: ds = p (dy
// v^T - sum(dy y)), dq = scale ds k, dk = scale ds^T q, dv = p^T dy; p is computed again.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options = {});

// The same composed of matmul, where and softmax, which stores the (T, S) matrix: the fused form's
// twin, for tests and for reading. Here leading dimensions may be any that broadcast: q: (..., T,
// D), k: (..., S, D), v: (..., S, E).
Tensor scaled_dot_product_attention_composed(const Tensor& q, const Tensor& k, const Tensor& v,
                                             const AttentionOptions& options = {});

// p = softmax(scale q k^T): (..., T, S), what each query looks at; for pictures of attention.
Tensor attention_probabilities(const Tensor& q, const Tensor& k,
                               const AttentionOptions& options = {});

}  // namespace papilio
