// A checkpoint with other content than was saved, and the checksum of that content.
#pragma once

#include <filesystem>
#include <functional>

#include "tensor/files/safetensors.h"

namespace papilio::test {

void forge_state(const std::filesystem::path& path,
                 const std::function<void(SafetensorsFile&)>& change);

}  // namespace papilio::test
