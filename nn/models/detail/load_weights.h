// A model folder's weights, by name, into the model that its config.json describes.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "nn/models/pretrained_model.h"

namespace papilio::nn {

// Names may be those of Transformers 4 or 5, of the backbone alone, or stand behind what a wrapper
// puts before them (torch.compile's _orig_mod., DataParallel's module., PEFT's base_model.model.).
// Returns one line for each thing that is not as it should be: a head that is missing and
// therefore new, tensors without use. Throws FileError for tensors that are missing or have another
// shape. variant: of the files' names, "fp16" say (nn/models/detail/checkpoint_weights.h).
std::vector<std::string> load_weights(PretrainedModel& model, const std::filesystem::path& folder,
                                      const std::string& variant = "");

}  // namespace papilio::nn
