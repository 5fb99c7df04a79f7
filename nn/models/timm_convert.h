// A vision transformer as timm names and computes it, and as Transformers does: the same model in
// either form.
#pragma once

#include <memory>

#include "nn/models/image_classifier.h"
#include "nn/models/timm_vit.h"

namespace papilio::nn {

// timm's model with the weights of Transformers' ViT, DeiT or DINOv2; query, key and value become
// one below the other. A DeiT with teacher becomes timm's distilled one; without, its distillation
// token is a register. A DINOv2 with registers adds the class token's position to the token, as
// timm has it. The norms' eps becomes timm's, 1e-6. Throws ArgumentError for other models, for a
// quantised one, and for what timm's do not have: pooling without class token, a convolutional
// stem, SwiGLU, and a classifier that reads the mean of DINOv2's patches (of one that is new,
// ImageClassifier::new_head, the part that does not is kept).
std::unique_ptr<TimmViT> to_timm(ImageClassifier& model);

// The way back, with timm's eps: to DeiT if it is distilled or has one register with a position, to
// DINOv2 if it has layer scale, else to ViT. Throws ArgumentError that names what Transformers'
// model lacks (mean pooling, other registers, a norm before the blocks ...), and for a quantised
// model.
std::unique_ptr<ImageClassifier> to_transformers(TimmViT& model);

}  // namespace papilio::nn
