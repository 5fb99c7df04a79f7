// The file system's errors as FileError.
#pragma once

#include <filesystem>
#include <system_error>

#include "tensor/error.h"

namespace papilio::nn {

// f(); what the file system throws becomes a FileError that names its path, or `root`.
template <class F>
decltype(auto) with_file_errors(const std::filesystem::path& root, F&& f) {
  try {
    return f();
  } catch (const std::filesystem::filesystem_error& e) {
    throw FileError(str((e.path1().empty() ? root : e.path1()).string(),
                        ": cannot be read: ", e.code().message()));
  }
}

}  // namespace papilio::nn
