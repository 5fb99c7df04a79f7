#include "samples/papilio/data/data_lines.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>

#include "nn/data/batch_source.h"
#include "nn/data/detail/word_hash.h"
#include "tensor/error.h"

namespace papilio::cli {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostSamples = 65'536;

// The file's size, or 0 if there is no such file.
uint64_t bytes_of(const fs::path& file) {
  std::error_code error;
  const uintmax_t bytes = fs::file_size(file, error);
  return error ? 0 : bytes;
}

std::string part_line(const char* name, const nn::Batches& part) {
  if (part == nullptr) return "";
  const int64_t count = part->size(), step = (count + kMostSamples - 1) / kMostSamples;
  std::set<fs::path::string_type> files;  // many samples may lie in one
  uint64_t bytes = 0;
  uint64_t sum = nn::kWordHash;
  for (int64_t i = 0; i < count; i += std::max<int64_t>(step, 1)) {
    for (const fs::path& file : part->files(i)) {
      if (!files.insert(file.native()).second) continue;
      const uint64_t size = bytes_of(file);
      sum = nn::word_hash(sum, std::to_string(size));
      bytes += size;
    }
  }
  return str("data.", name, " = ", count, " samples",
             files.empty() ? "" : str(", ", bytes, " bytes, checksum of their sizes ", sum), '\n');
}

}  // namespace

std::string data_lines(const TrainingData& data) {
  return part_line("train", data.train) + part_line("validation", data.validation);
}

}  // namespace papilio::cli
