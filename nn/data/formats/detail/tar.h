// Archives of tar (v7, POSIX ustar and pax, GNU), read in memory.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace papilio::nn {

struct TarMember {
  std::string path;
  std::string_view data;  // inside the archive's bytes
};

// The archive's regular files, in its order, by their long names if pax or GNU records have
// them; folders are passed over, and so is what macOS adds (__MACOSX, ._name, .DS_Store). Throws
// FileError, beginning with `name`, for an archive that is truncated or has a wrong checksum, and
// for members that no data set needs and an attacker likes: absolute paths, "..", links, devices,
// sizes beyond the archive, sparse files.
std::vector<TarMember> read_tar(std::string_view bytes, const std::string& name);

// Whether the bytes begin with a tar header, by its checksum.
bool is_tar(std::string_view bytes);

// The paths of the files that read_tar would give, of those whose headers lie in an archive's
// beginning; none if this is no archive's.
std::vector<std::string> paths_in_tar(std::string_view beginning);

}  // namespace papilio::nn
