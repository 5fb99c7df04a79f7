// What inspect shows of a model folder.
#pragma once

#include <filesystem>

#include "samples/papilio/inspect/inspection.h"

namespace papilio::cli {

Inspection inspect_model(const std::filesystem::path& folder);

}  // namespace papilio::cli
