// What inspect shows of a Stable Diffusion folder, and of the adapters of one.
#pragma once

#include <filesystem>

#include "samples/papilio/inspect/inspection.h"

namespace papilio::cli {

// The parts of the pipeline, with their sizes. Throws FileError for what is missing or broken.
Inspection inspect_pipeline(const std::filesystem::path& folder);
// What dreambooth and controlnet write: each part's adapter.
Inspection inspect_pipeline_adapters(const std::filesystem::path& folder);

}  // namespace papilio::cli
