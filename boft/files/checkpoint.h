// PEFT's adapter folder: adapter_config.json and adapter_model.safetensors.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "boft/model/model.h"

namespace papilio::boft {

// Whose names of ViT's and DINOv2's modules stand in the files
// (nn/models/detail/transformers_names.h). PEFT looks them up in the user's model, which
// Transformers 5 has renamed.
enum class ModuleNaming {
  // As target_modules name them. If these fit both: Transformers 4's, but 5's for a model that 5
  // only nests deeper (DINOv3).
  as_configured,
  transformers4,  // and the checkpoints'
  transformers5,
};

// Writes one adapter into `folder` (made if it is missing), both files atomically, under PEFT's
// keys. An adapter not called "default" goes into a subfolder of its name, as PEFT does. Returns
// the folder written. Under other names than the configured ones target_modules lists the adapted
// layers one by one.
std::filesystem::path save_adapter(const AdapterModel& model, const std::filesystem::path& folder,
                                   const std::string& name = "default",
                                   ModuleNaming naming = ModuleNaming::as_configured);

// What becomes of weights in an adapter's file that nothing in the model takes.
enum class Unused { refuse, ignore };

struct UnusedWeights : FileError {
  using FileError::FileError;
};

// Adds the adapter in `folder`, whichever Transformers' names it has, also those of a backbone
// alone, to the model under `name` and fills it. Returns warnings: unknown configuration keys,
// missing tensors, and those not used, one line each. Throws FileError or ArgumentError (a shape
// that differs shows both), UnusedWeights unless they are to be ignored, and then leaves the model
// as it was.
std::vector<std::string> load_adapter(AdapterModel& model, const std::filesystem::path& folder,
                                      const std::string& name = "default",
                                      Unused unused = Unused::refuse);

}  // namespace papilio::boft
