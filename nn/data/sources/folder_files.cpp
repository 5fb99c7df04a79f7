#include "nn/data/sources/detail/folder_files.h"

#include <algorithm>
#include <string>

#include "nn/data/formats/image.h"

namespace papilio::nn {

namespace fs = std::filesystem;

bool is_passed_over(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.starts_with('.') || name == "@eaDir" || name == "__MACOSX" || name == "Thumbs.db" ||
         name == "desktop.ini";
}

FolderFiles files_below(const fs::path& folder) {
  FolderFiles files;
  for (auto at = fs::recursive_directory_iterator(folder); at != fs::recursive_directory_iterator();
       ++at) {
    const fs::path& path = at->path();
    if (is_passed_over(path)) {
      if (at->is_directory()) at.disable_recursion_pending();
    } else if (!at->is_directory() || at->is_symlink()) {
      const bool picture = has_image_extension(path) && at->is_regular_file();
      (picture ? files.pictures : files.others).push_back(path);
    }
  }
  std::ranges::sort(files.pictures);
  std::ranges::sort(files.others);
  return files;
}

}  // namespace papilio::nn
