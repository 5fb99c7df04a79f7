// What timm calls the weights of Transformers' ViT, DeiT and DINOv2: every tensor from one form to
// the other; query, key and value are one below the other in timm's.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "nn/models/dinov2.h"
#include "nn/models/timm_vit.h"
#include "nn/module.h"

namespace papilio::nn {

struct TimmPair {
  std::string_view timm, transformers;
};

// What one of Transformers' models calls what timm's has.
struct TimmNaming {
  std::string model;                                     // "vit."
  std::span<const TimmPair> inside, scales = {}, heads;  // scales: of the layer scale
  std::string_view second_token = {};                    // timm's name of DeiT's distillation token
};

TimmNaming vit_naming();
// Without a teacher the distillation token is a register of timm's.
TimmNaming deit_naming(bool with_teacher);
TimmNaming dinov2_naming(const Dinov2Config& config);

// What both have, under timm's names; and the way back.
StateDict timm_tensors(const StateDict& transformers, const TimmNaming& naming,
                       const TimmViTConfig& config);
StateDict transformers_tensors(const StateDict& timm, const TimmNaming& naming,
                               const TimmViTConfig& config);

}  // namespace papilio::nn
