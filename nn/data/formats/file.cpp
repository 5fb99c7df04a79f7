#include "nn/data/formats/file.h"

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "nn/data/formats/gzip.h"
#include "tensor/error.h"

namespace papilio::nn {

std::string read_file(const std::filesystem::path& path, size_t limit) {
  std::error_code ignored;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  check<FileError>(bool(file) && std::filesystem::is_regular_file(path, ignored), path.string(),
                   ": cannot be read");
  const auto size = size_t(file.tellg());
  check<FileError>(size <= limit, path.string(), ": is larger than ", limit, " bytes");
  std::string bytes(size, '\0');
  file.seekg(0).read(bytes.data(), std::streamsize(size));
  check<FileError>(bool(file), path.string(), ": cannot be read");
  return bytes;
}

std::string read_unpacked(const std::filesystem::path& path, size_t limit) {
  std::string bytes = read_file(path, limit);
  if (!bytes.starts_with("\x1f\x8b")) return bytes;
  return gunzip(bytes, path.string(), limit - bytes.size());
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    line.erase(line.find_last_not_of(" \t\r") + 1);
    if (!line.empty()) lines.push_back(std::move(line));
    begin = end + 1;
  }
  return lines;
}

bool is_plain_text(const std::string& bytes) {
  for (unsigned char c : bytes) {
    if (c < 32 || c == 127) return false;
  }
  try {
    static_cast<void>(nlohmann::json(bytes).dump());
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

}  // namespace papilio::nn
