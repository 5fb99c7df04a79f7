// Cross entropy between rows of logits (N, C) and targets t: class indices, int64 (N), or
// probabilities (N, C) of the logits' dtype. Label smoothing e replaces t by (1 - e) t + e / C.
// Rows whose index is `ignore_index` give no loss and no gradient. Contiguous, if nothing else
// is said; "statistics dtype": float64 for float64 logits and float32 otherwise.
#pragma once

#include <cstdint>

#include "kernels/declare.h"
#include "kernels/view.h"

namespace papilio {

struct CrossEntropyTarget {
  ConstView target;
  double label_smoothing;
  int64_t ignore_index;
};

// loss = sum_c t_c (log sum exp(x - m) - (x_c - m)), m = max x. losses: (N), statistics: (N, 2), m
// and log sum exp(x - m); both of the statistics dtype.
PAPILIO_KERNEL(void cross_entropy(View losses, View statistics, ConstView logits,
                                  const CrossEntropyTarget& target));
// total = sum losses / divisor, 0-d, of the logits' dtype; divisor: 0-d of the statistics dtype,
// the number of rows that count for `mean`, else 1.
PAPILIO_KERNEL(void cross_entropy_total(View total, View divisor, ConstView losses,
                                        const CrossEntropyTarget& target, bool mean));
// dlogits = g (softmax(x) sum t - t), dtarget = g (1 - e) (log sum exp(x - m) - (x - m)), g =
// dlosses / divisor. dlosses: (N) of the logits' dtype, may be strided. Outputs whose data is null
// are left out; divisor's data may be null: 1.
struct CrossEntropyBackward {
  View dlogits, dtarget;
  ConstView dlosses, divisor, logits, statistics;
  CrossEntropyTarget target;
};
PAPILIO_KERNEL(void cross_entropy_backward(const CrossEntropyBackward& args));

}  // namespace papilio
