// Archives of tar (POSIX ustar, as GNU tar writes it too), read in memory.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace papilio::nn {

struct TarMember {
  std::string path;
  std::string_view data;  // inside the archive's bytes
};

// The archive's regular files, in its order; folders are passed over. Throws FileError, beginning
// with `name`, for an archive that is truncated or has a wrong checksum, and for members that no
// data set needs and an attacker likes: absolute paths, "..", links, devices, sizes beyond the
// archive, extended headers that rename files.
std::vector<TarMember> read_tar(std::string_view bytes, const std::string& name);

// Whether the bytes begin with a tar header, by its magic.
bool is_tar(std::string_view bytes);

}  // namespace papilio::nn
