// What a file is, by its first bytes, for messages about one that is not what was expected.
#pragma once

#include <string>
#include <string_view>

namespace papilio {

// "a HEIC picture", "an HTML page", "a Git LFS pointer" and so on; empty for bytes that say
// nothing. The first 64 bytes are enough.
std::string format_of(std::string_view bytes);

}  // namespace papilio
