// Mixup and CutMix of a batch, with timm's names. Zhang, Cisse, Dauphin, Lopez-Paz: "mixup" (arXiv
// 1710.09412); Yun and others: "CutMix" (arXiv 1905.04899).
#pragma once

#include <cstdint>

#include "tensor/random.h"
#include "tensor/tensor.h"

namespace papilio::nn {

struct Mixup {
  double mixup_alpha = 0, cutmix_alpha = 0;  // of Beta(alpha, alpha); 0 turns it off
  double prob = 1;                           // of mixing a batch at all
  double switch_prob = 0.5;                  // of CutMix if both are on

  // Is one of the two on?
  bool any() const { return mixup_alpha > 0 || cutmix_alpha > 0; }
  // Mixes image i with image B - 1 - i, all in one proportion l: l x_i + (1 - l) x_j, or a
  // rectangle of share 1 - l out of x_j. images: (B, C, H, W) float32, changed in place; labels:
  // (B). Returns the targets, l one_hot(label_i) + (1 - l) one_hot(label_j): (B, classes) float32.
  Tensor operator()(Tensor& images, const Tensor& labels, int64_t classes,
                    Generator& generator) const;
};

}  // namespace papilio::nn
