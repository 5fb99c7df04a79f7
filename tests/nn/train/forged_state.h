// A checkpoint with other content than was saved, and the checksum of that content.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "tensor/files/safetensors.h"

namespace papilio::test {

// The bytes of such a file.
std::string forged_state(SafetensorsFile content);
// Changes the content of the one that lies there.
void forge_state(const std::filesystem::path& path,
                 const std::function<void(SafetensorsFile&)>& change);

}  // namespace papilio::test
