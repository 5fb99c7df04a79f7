#include "tests/nn/train/forged_state.h"

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "tensor/error.h"

namespace papilio::test {

void forge_state(const std::filesystem::path& path,
                 const std::function<void(SafetensorsFile&)>& change) {
  SafetensorsFile file = load_safetensors(path);
  change(file);
  file.metadata.erase("checksum");
  // Of each tensor its name, dtype and shape, and bytes; of each word its key and value; a text
  // behind its length.
  uLong crc = ::crc32(0, nullptr, 0);
  const auto add = [&](const void* data, size_t bytes) {
    if (bytes > 0) crc = ::crc32(crc, static_cast<const Bytef*>(data), uInt(bytes));
  };
  const auto add_text = [&](const std::string& text) {
    const uint64_t size = text.size();
    add(&size, sizeof size);
    add(text.data(), text.size());
  };
  for (const auto& [name, tensor] : file.tensors) {
    add_text(name);
    add_text(str(tensor.dtype(), tensor.shape()));
    add(tensor.raw_data(), size_t(tensor.numel()) * size_of(tensor.dtype()));
  }
  for (const auto& [key, value] : file.metadata) {
    add_text(key);
    add_text(value);
  }
  file.metadata["checksum"] = str(crc);
  save_safetensors(path, file.tensors, file.metadata);
}

}  // namespace papilio::test
