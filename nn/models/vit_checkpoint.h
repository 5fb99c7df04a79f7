// A model folder as Hugging Face Transformers has it: config.json and model.safetensors.
#pragma once

#include <filesystem>
#include <memory>

#include "nn/models/vit.h"

namespace papilio::nn {

// config.json (model_type "vit") into a configuration. Throws FileError that names the key for
// wrong types and for settings this model does not have (another activation, say), ArgumentError
// for sizes that contradict each other.
struct ViTDescription {
  ViTConfig config;
  std::vector<std::string> class_names;  // id2label; empty where it is missing
};
ViTDescription read_vit_config(const std::filesystem::path& config_json);

struct LoadedViT {
  std::unique_ptr<ViTForImageClassification> model;  // on the heap: adapters hold pointers into it
  std::vector<std::string> class_names;
};
// Both files of the folder. Parameters that are missing, unexpected or of another shape throw.
LoadedViT load_vit(const std::filesystem::path& folder);

// Writes both files atomically; the folder is made where it is missing.
void save_vit(ViTForImageClassification& model, const std::vector<std::string>& class_names,
              const std::filesystem::path& folder);

}  // namespace papilio::nn
