// Which layers of a model a configuration would adapt.
#pragma once

#include <filesystem>

#include "samples/papilio/inspect/inspection.h"

namespace papilio::cli {

// The model's config.json is enough. If a layer does not fit: why, and the code 1.
Inspection would_adapt(const std::filesystem::path& adapter_config,
                       const std::filesystem::path& model);

}  // namespace papilio::cli
