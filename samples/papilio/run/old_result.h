// A result that another run is to replace, and has not yet.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace papilio::cli {

// For a reader: adds a warning, once, if the folder holds the result of an earlier run, while the
// log and the checkpoints beside it are those of one that began there and has not ended with a
// result. A pipeline's parts (`unet`, ...) lie in the folder of their run.
void warn_of_old_result(const std::filesystem::path& folder, std::vector<std::string>& warnings);

}  // namespace papilio::cli
