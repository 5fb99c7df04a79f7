// What a file is that is neither JPEG nor PNG, by its first bytes.
#pragma once

#include <string>
#include <string_view>

namespace papilio::nn {

// "a HEIC picture", "an HTML page", "a Git LFS pointer" and so on; empty for bytes that say
// nothing. The first 64 bytes are enough. JPEG and PNG have names too.
std::string format_of(std::string_view bytes);

}  // namespace papilio::nn
