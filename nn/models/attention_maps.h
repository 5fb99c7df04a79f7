// Where a model looks, as one weight a patch.
#pragma once

#include "nn/models/image_classifier.h"

namespace papilio::nn {

struct AttentionMaps {
  Tensor last;     // (B, rows, columns) of patches
  Tensor rollout;  // the same
};

// With A_l the attention of layer l = 1..L, mean over its heads, and e the class token's unit row
// (without a class token: 1 / T everywhere, so that maps are the mean attention received):
//   last     e A_L
//   rollout  r_0, where r_L = e and r_(l-1) = r_l (A_l + I) / 2: attention followed through all
//            layers and the residuals beside them (Abnar and Zuidema, arXiv 2005.00928)
// without the tokens that are no patches. images: (B, C, H, W). Computed without gradients in the
// model's mode. Throws ArgumentError for a model without layers.
AttentionMaps attention_maps(ImageClassifier& model, const Tensor& images);

}  // namespace papilio::nn
