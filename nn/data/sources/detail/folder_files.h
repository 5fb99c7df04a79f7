// The files below a folder that people and their tools have written into.
#pragma once

#include <filesystem>
#include <vector>

namespace papilio::nn {

// Hidden, or what a system adds beside people's pictures: "@eaDir" (thumbnails of Synology's
// disks), "__MACOSX", "Thumbs.db", "desktop.ini".
bool is_passed_over(const std::filesystem::path& path);

// What files_below finds.
struct FolderFiles {
  std::vector<std::filesystem::path> pictures;  // by the name's ending (has_image_extension)
  std::vector<std::filesystem::path> others;    // and what is no regular file
};
// Also in folders below; links to files are followed, links to folders are among the others. In the
// order of the paths' bytes, without what is_passed_over. Throws std::filesystem::filesystem_error.
FolderFiles files_below(const std::filesystem::path& folder);

}  // namespace papilio::nn
