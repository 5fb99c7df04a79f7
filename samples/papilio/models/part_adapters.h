// Where the adapters of a pipeline's parts lie in a folder.
#pragma once

#include <cstdint>
#include <filesystem>

namespace papilio::cli {

// Folders of adapters; empty: there is none.
struct PartAdapters {
  std::filesystem::path unet = {}, text_encoder = {};
  bool empty() const { return unet.empty() && text_encoder.empty(); }
};

// Those of the folder that dreambooth or controlnet wrote: unet, text_encoder; or as PEFT's guides
// have them: unet/STEP/NAME and text_encoder/STEP/NAME, of `step`, 0 for the last one, or
// unet/NAME. Throws FileError if there is no such step, if a step has several names or the last one
// none, and for a link that leads nowhere.
PartAdapters part_adapters(const std::filesystem::path& folder, int64_t step = 0);

}  // namespace papilio::cli
