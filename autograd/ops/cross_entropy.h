// Cross entropy of logits.
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace papilio {

// What becomes of the samples' losses: their mean, their sum, or a loss for each.
enum class Reduction { mean, sum, none };

// The options of PyTorch's cross_entropy.
struct CrossEntropyOptions {
  double label_smoothing = 0;  // e in [0, 1]: the target becomes (1 - e) t + e / C
  Reduction reduction = Reduction::mean;
  int64_t ignore_index = -100;  // rows with this class count for nothing
};

// loss_n = -sum_c t_nc log softmax(logits_n)_c. logits: (N, C) floating; target: int64 (N) of class
// indices (t = 1 at the index), or probabilities (N, C) of the logits' dtype. The result has the
// logits' dtype: 0-d, or (N) for Reduction::none. The mean is over the rows that are not ignored
// (NaN if there are none), over all N for probabilities.
// Gradients: dlogits = dloss (softmax(logits) sum_c t_c - t), and for probabilities
// dtarget = -dloss (1 - e) log softmax(logits).
// Throws for an index outside [0, C) that is not ignore_index, naming its row; NaN there on a GPU.
Tensor cross_entropy(const Tensor& logits, const Tensor& target, CrossEntropyOptions options = {});

}  // namespace papilio
