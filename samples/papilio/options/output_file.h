// Places that commands write into.
#pragma once

#include <filesystem>

namespace papilio::cli {

// Throws FileError, with the reason, for a folder that cannot be written into: a run's files are
// also read there.
void check_writable_folder(const std::filesystem::path& folder);

// Before the work whose result goes into the file: throws FileError if its folder is not there or
// cannot be written into, or if the path is a folder itself. An empty path is no file.
void check_can_be_written(const std::filesystem::path& path);

}  // namespace papilio::cli
