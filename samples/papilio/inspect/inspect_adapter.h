// What inspect shows of an adapter folder.
#pragma once

#include <filesystem>

#include "samples/papilio/inspect/inspection.h"

namespace papilio::cli {

Inspection inspect_adapter(const std::filesystem::path& folder);

}  // namespace papilio::cli
