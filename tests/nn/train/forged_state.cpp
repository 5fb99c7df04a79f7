#include "tests/nn/train/forged_state.h"

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tensor/error.h"
#include "tensor/files/detail/safetensors_header.h"

namespace papilio::test {

namespace {

size_t bytes_of(const Tensor& tensor) {
  return size_t(tensor.numel()) * size_of(tensor.dtype());
}

std::string checksum_of(const SafetensorsFile& file) {
  // Each tensor gives its name, dtype and shape, and bytes, each word its key and value; a text
  // stands behind its length.
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
    add(tensor.raw_data(), bytes_of(tensor));
  }
  for (const auto& [key, value] : file.metadata) {
    add_text(key);
    add_text(value);
  }
  return str(crc);
}

}  // namespace

std::string forged_state(SafetensorsFile file) {
  file.metadata.erase("checksum");
  file.metadata["checksum"] = checksum_of(file);
  nlohmann::json header{{"__metadata__", file.metadata}};
  std::string data;
  for (const auto& [name, tensor] : file.tensors) {
    const size_t begin = data.size();
    if (tensor.numel() > 0)
      data.append(reinterpret_cast<const char*>(tensor.raw_data()), bytes_of(tensor));
    header[name] = {{"dtype", safetensors_type(tensor.dtype()).name},
                    {"shape", std::vector<int64_t>(tensor.shape().begin(), tensor.shape().end())},
                    {"data_offsets", {begin, data.size()}}};
  }
  const std::string text = header.dump();
  const uint64_t size = text.size();
  return std::string(reinterpret_cast<const char*>(&size), sizeof size) + text + data;
}

void forge_state(const std::filesystem::path& path,
                 const std::function<void(SafetensorsFile&)>& change) {
  std::string bytes;
  {
    SafetensorsFile file = load_safetensors(path);
    change(file);
    bytes = forged_state(std::move(file));
  }
  std::ofstream(path, std::ios::binary).write(bytes.data(), std::streamsize(bytes.size()));
}

}  // namespace papilio::test
