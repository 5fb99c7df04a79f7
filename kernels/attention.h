// Attention that never stores its (T, S) matrix: softmax(scale q k^T) v in tiles, with the
// softmax's maximum and sum carried along. Dao, Fu, Ermon, Rudra, Re: "FlashAttention", 2022,
// algorithms 1 and 4.
//
// q, dq: (B, H, T, D); k, dk: (B, H, S, D); v, dv: (B, H, S, E); out, dout: (B, H, T, E): any
// strides whose last is 1. mask: bool (B, H, T, S), any strides, true if the query sees the key;
// data is null if there is none. causal: query t sees keys s <= t + S - T only (T <= S), and only
// those that the mask shows as well. statistics: (B, H, T, 2) contiguous, float64 for float64 and
// float32 otherwise: m = max s and 1 / sum exp(s - m) of each row s of scale q k^T. Sums are float32
// for 16-bit types; where a processor multiplies pairs of bfloat16 (AVX512_BF16, --products onednn),
// p and ds are rounded to it before their products.
#pragma once

#include <cstdint>

#include "kernels/declare.h"
#include "kernels/host_device.h"
#include "kernels/view.h"

namespace papilio {

// The first keys are those that query t sees, this many: the last query sees all.
PAPILIO_HOST_DEVICE inline int64_t visible_keys(bool causal, int64_t t, int64_t T, int64_t S) {
  return causal ? S - T + t + 1 : S;
}

// out = softmax(scale q k^T) v, and the statistics that the backward pass needs.
PAPILIO_KERNEL(void attention(View out, View statistics, ConstView q, ConstView k, ConstView v,
                              ConstView mask, bool causal, double scale));

// p = exp(s - m) / sum, recomputed;  ds = p (dout v^T - sum(dout out));
// dv = p^T dout;  dq = scale ds k;  dk = scale ds^T q.  dq, dk and dv whose data is null are left
// out.
struct AttentionBackward {
  View dq, dk, dv;
  ConstView dout, out, statistics, q, k, v, mask;
  bool causal;
  double scale;
};
PAPILIO_KERNEL(void attention_backward(const AttentionBackward& args));

}  // namespace papilio
