// gzip data in memory, unpacked by zlib.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace papilio::nn {

// Unpacks gzip data, also of several members one after another, with zeros behind a member or none.
// Throws FileError, naming `name`, for data that is truncated or corrupt, or would need more than
// `limit` bytes of memory: what is unpacked, and what growing needs beside it if the data says
// the wrong size.
std::string gunzip(std::string_view data, const std::string& name, size_t limit = size_t(1) << 32);
// The first bytes, `count` at most, that the beginning of gzip data unpacks to; fewer if it holds
// fewer, or none that can be read.
std::string gunzip_beginning(std::string_view data, size_t count);
inline bool is_gzip(std::string_view data) {
  return data.starts_with("\x1f\x8b");
}

}  // namespace papilio::nn
