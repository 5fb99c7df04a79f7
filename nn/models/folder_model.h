// Models that are a part of a pipeline's folder: config.json and weights, as Diffusers and
// Transformers write them.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "nn/models/image_classifier.h"
#include "nn/module.h"

namespace papilio::nn {

// What all of them say about their folder.
struct FolderModel : Module {
  // What the config.json it came from says beside its computation: it is written back.
  ConfigFields other_config;

  // What it computes with, as its config.json says it, with _class_name or model_type.
  virtual ConfigFields config_fields() const = 0;
  // The weights' file without its end: "diffusion_pytorch_model".
  virtual std::string weights_name() const { return "diffusion_pytorch_model"; }
  // Brings tensors, under the names that files have in several forms, into the model's.
  virtual void before_loading(StateDict& /*tensors*/) {}
  // The other way round: the model's tensors under the names of files.
  virtual void before_saving(StateDict& /*tensors*/) {}
};

// The folder's weights into the model: weights_name().safetensors, or the files that its index
// lists; with a variant ("fp16", "bf16") those that have it in their names. Any floating dtype
// becomes the model's. Returns a line for each thing that is not as it should be. Throws FileError
// for tensors that are missing or have another shape.
std::vector<std::string> load_folder_weights(FolderModel& model,
                                             const std::filesystem::path& folder,
                                             const std::string& variant = "");

// Writes config.json and the weights in one file, atomically; the folder is made if it is missing.
// Throws if the model carries adapters.
void save_folder_model(FolderModel& model, const std::filesystem::path& folder);

}  // namespace papilio::nn
