// PEFT's adapter folder: adapter_config.json and adapter_model.safetensors.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "boft/model.h"

namespace papilio::boft {

// Writes one adapter into `folder` (made where it is missing), both files atomically, under PEFT's
// keys. An adapter not called "default" goes into a subfolder of its name, as PEFT does. Returns
// the folder written.
std::filesystem::path save_adapter(const AdapterModel& model, const std::filesystem::path& folder,
                                   const std::string& name = "default");

// Adds the adapter in `folder` to the model under `name` and fills it. Returns warnings: unknown
// configuration keys, missing and unexpected tensors, one line each. Throws FileError or
// ArgumentError (a shape that differs shows both) and then leaves the model as it was.
std::vector<std::string> load_adapter(AdapterModel& model, const std::filesystem::path& folder,
                                      const std::string& name = "default");

}  // namespace papilio::boft
