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

}  // namespace papilio::nn
