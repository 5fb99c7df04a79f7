#include "nn/data/sources/detail/folder_files.h"

#include <algorithm>
#include <string>
#include <system_error>

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
    std::error_code no_target;
    const fs::file_type type = at->status(no_target).type();
    const bool link = at->is_symlink();
    if (is_passed_over(path)) {
      if (type == fs::file_type::directory) at.disable_recursion_pending();
    } else if (type != fs::file_type::directory || link) {
      // A link that leads nowhere is a picture that cannot be read.
      const bool readable = type == fs::file_type::regular,
                 broken = link && (no_target || type == fs::file_type::not_found);
      const bool picture = has_image_extension(path) && (readable || broken);
      (picture ? files.pictures : files.others).push_back(path);
    }
  }
  std::ranges::sort(files.pictures);
  std::ranges::sort(files.others);
  return files;
}

}  // namespace papilio::nn
