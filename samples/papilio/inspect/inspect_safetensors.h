// What inspect shows of a .safetensors file.
#pragma once

#include <filesystem>

#include "samples/papilio/inspect/inspection.h"

namespace papilio::cli {

Inspection inspect_safetensors(const std::filesystem::path& file);

}  // namespace papilio::cli
