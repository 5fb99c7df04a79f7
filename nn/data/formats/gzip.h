#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace papilio::nn {

// Unpacks gzip data, also of several members one after another. Throws FileError, naming `name`,
// for data that is truncated, corrupt or longer than `limit` bytes when unpacked.
std::string gunzip(std::string_view data, const std::string& name, size_t limit = size_t(1) << 32);

}  // namespace papilio::nn
