// Module names of Hugging Face Transformers. Its checkpoints, all releases', name ViT's and
// DINOv2's modules as Transformers 4 names them in memory
// (vit.encoder.layer.0.attention.attention.query), and so does Papilio. Transformers 5 renames them
// in memory (vit.layers.0.attention.q_proj), and with them what PEFT's target_modules and adapter
// files say.
#pragma once

#include <string>

namespace papilio::nn {

// What Transformers 5 calls a module or parameter of ViT, DINOv2 or DINOv2 with registers; any
// other path as it is. "vit.encoder.layer.0.output.dense" -> "vit.layers.0.mlp.fc2". (DINOv2's
// mlp.weights_in, which Transformers 5 splits into gate_proj and up_proj, keeps its name.)
std::string transformers5_name(const std::string& path);

// The other way round: a path of either convention becomes the checkpoint's.
std::string checkpoint_name(const std::string& path);

}  // namespace papilio::nn
