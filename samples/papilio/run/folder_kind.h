// What a folder holds: a model, an adapter, adapters for the parts of a Stable Diffusion folder.
#pragma once

#include <filesystem>

namespace papilio::cli {

bool is_model_folder(const std::filesystem::path& folder);
bool is_adapter_folder(const std::filesystem::path& folder);
// What dreambooth and controlnet write: an adapter for the UNet or the text encoder in folders of
// these names.
bool is_pipeline_adapter_folder(const std::filesystem::path& folder);
// The folder of a part's adapter in such a folder ("unet", "text_encoder"); empty without. Throws
// FileError for a link that leads nowhere: no part is left out without a word.
std::filesystem::path part_adapter(const std::filesystem::path& folder, const char* part);

// For readers: throws FileError if there is no such folder, if it may not be read, if its result
// was being replaced when a process ended, or if it has none because a run has not ended.
void check_folder(const std::filesystem::path& folder);
// Throws FileError unless the folder is there and holds a model.
void check_model_folder(const std::filesystem::path& folder);

}  // namespace papilio::cli
