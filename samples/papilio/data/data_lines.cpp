#include "samples/papilio/data/data_lines.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>

#include "nn/data/detail/word_hash.h"
#include "tensor/error.h"

namespace papilio::cli {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostFiles = 65'536;

// The size of the sample's file, or of the archive that it is a member of; 0 if its name is no
// file's.
uint64_t bytes_of(const fs::path& name) {
  std::error_code error;
  for (fs::path path = name; path.has_relative_path(); path = path.parent_path()) {
    const fs::file_status status = fs::status(path, error);
    if (fs::is_regular_file(status)) return uint64_t(fs::file_size(path, error));
    if (fs::exists(status)) break;  // a folder holds no such file
  }
  return 0;
}

std::string part_line(const char* name, const nn::Batches& part) {
  if (part == nullptr) return "";
  const int64_t count = part->size(), step = (count + kMostFiles - 1) / kMostFiles;
  uint64_t bytes = 0;
  uint64_t sum = nn::kWordHash;
  for (int64_t i = 0; i < count; i += std::max<int64_t>(step, 1)) {
    const uint64_t size = bytes_of(part->name(i));
    sum = nn::word_hash(sum, std::to_string(size));
    bytes += size;
  }
  return str("data.", name, " = ", count, " samples",
             bytes == 0 ? "" : str(", ", bytes, " bytes, checksum of their sizes ", sum), '\n');
}

}  // namespace

std::string data_lines(const TrainingData& data) {
  return part_line("train", data.train) + part_line("validation", data.validation);
}

}  // namespace papilio::cli
