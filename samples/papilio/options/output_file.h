// Files that a command writes at its end.
#pragma once

#include <filesystem>

namespace papilio::cli {

// Before the work whose result goes into the file: throws FileError if its folder is not there or
// cannot be written into, or if the path is a folder itself. An empty path is no file.
void check_can_be_written(const std::filesystem::path& path);

}  // namespace papilio::cli
