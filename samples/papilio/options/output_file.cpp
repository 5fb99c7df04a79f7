#include "samples/papilio/options/output_file.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "tensor/error.h"

namespace papilio::cli {

void check_writable_folder(const std::filesystem::path& folder) {
  const int error = ::access(folder.c_str(), R_OK | W_OK | X_OK) == 0 ? 0 : errno;
  check<FileError>(error == 0, folder.string(),
                   ": cannot be written: ", std::generic_category().message(error));
}

void check_can_be_written(const std::filesystem::path& path) {
  if (path.empty()) return;
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : ".";
  check<FileError>(!fs::is_directory(path, ignored), "cannot write ", path.string(),
                   ": it is a folder");
  check<FileError>(fs::is_directory(folder, ignored), "cannot write ", path.string(),
                   ": there is no folder ", folder.string());
  check_writable_folder(folder);
}

}  // namespace papilio::cli
