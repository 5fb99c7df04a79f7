// Whole files in memory, unpacked.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "tensor/files/detail/regular_file.h"

namespace papilio::nn {

// A regular file's bytes as read_file gives them, through gunzip if the file begins as gzip data
// does; `limit` is for both sizes together.
std::string read_unpacked(const std::filesystem::path& path, size_t limit = size_t(1) << 30);

// The lines of a text that say something, trimmed of white space at the end.
std::vector<std::string> lines_of(const std::string& text);

// Whether the bytes are UTF-8 without control characters: a name that can be printed and written as
// JSON.
bool is_plain_text(const std::string& bytes);

}  // namespace papilio::nn
