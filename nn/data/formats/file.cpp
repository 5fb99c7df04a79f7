#include "nn/data/formats/detail/file.h"

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <utility>

#include "nn/data/formats/detail/gzip.h"
#include "tensor/error.h"

namespace papilio::nn {

std::string read_unpacked(const std::filesystem::path& path, size_t limit) {
  std::string bytes = read_file(path, limit);
  if (!is_gzip(bytes)) return bytes;
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
