// A ViT as timm names and computes it, and as Transformers does: the same model in either form.
#pragma once

#include <memory>

#include "nn/models/timm_vit.h"
#include "nn/models/vit.h"

namespace papilio::nn {

// timm's model with the weights of Transformers'; query, key and value become one below the other.
// The norms' eps becomes timm's, 1e-6. Throws ArgumentError for what timm's ViTs do not have:
// pooling without class token and a convolutional stem, and for a quantised model.
std::unique_ptr<TimmViT> to_timm(ViTForImageClassification& model);

// The way back, with timm's eps. Throws ArgumentError that names what Transformers' ViT lacks: mean
// pooling, registers, layer scale, a norm before the blocks, positions of the patches alone; and
// for a quantised model.
std::unique_ptr<ViTForImageClassification> to_transformers(TimmViT& model);

}  // namespace papilio::nn
