// Module names of Hugging Face Transformers. Its checkpoints, all releases', name ViT's and
// DINOv2's modules as Transformers 4 names them in memory
// (vit.encoder.layer.0.attention.attention.query), and so does Papilio. Transformers 5 renames them
// in memory (vit.layers.0.attention.q_proj), and with them what PEFT's target_modules and adapter
// files say.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>

namespace papilio::nn {

// What Transformers 5 calls a module or parameter of ViT, DINOv2, CLIP and their like; any
// other path as it is. "vit.encoder.layer.0.output.dense" -> "vit.layers.0.mlp.fc2". What it splits
// (halves_of) keeps its last name.
std::string transformers5_name(const std::string& path);

// The other way round: a path of either convention becomes the checkpoint's.
std::string checkpoint_name(const std::string& path);

// A name without what torch.compile puts into it, before whichever module was compiled:
// "vit.encoder._orig_mod.layer.0" -> "vit.encoder.layer.0".
std::string uncompiled_name(std::string path);

// A module or parameter that Transformers 5 holds as two halves of its rows: DINOv2's
// "...mlp.weights_in" as "...mlp.gate_proj" above "...mlp.up_proj". Nothing for another path.
std::optional<std::array<std::string, 2>> halves_of(const std::string& path);
// The other way round, for a path of either half.
struct Half {
  std::string whole;  // the checkpoint's path
  size_t index;       // 0 or 1
};
std::optional<Half> half_of(const std::string& path);

}  // namespace papilio::nn
