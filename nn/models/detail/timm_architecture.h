// timm's names of architectures: vit_small_patch16_224, vit_medium_patch16_reg4_gap_256, ...
#pragma once

#include <string>

#include "nn/models/timm_vit.h"

namespace papilio::nn {

// What timm's function of this name builds, before model_args. Throws ArgumentError that names the
// part of the name that is not known here.
TimmViTConfig timm_architecture(const std::string& name);

}  // namespace papilio::nn
