// A table of numbers that grows by a line at a time and can be read while training runs.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace papilio::nn {

class CsvLog {
 public:
  // Replaces the file and writes the header. Throws FileError.
  CsvLog(const std::filesystem::path& path, const std::vector<std::string>& columns);
  // Goes on with the file: lines whose `column` is at most `last` stay, the others (of steps that
  // are made again, or cut off in the middle) go. Begins anew if the file is missing or has
  // other columns.
  CsvLog(const std::filesystem::path& path, const std::vector<std::string>& columns,
         const std::string& column, int64_t last);
  // One value a column, written and flushed. Throws FileError if the disk is full, and then a
  // later line may be written still; ArgumentError for another number of values.
  void write(const std::vector<double>& values);
  // The values of the last line that stayed; empty if none did.
  const std::vector<double>& last_kept() const { return last_kept_; }

 private:
  CsvLog(const std::filesystem::path& path, const std::vector<std::string>& columns,
         const std::string& content);
  void write_text(const std::string& text);

  std::string path_;
  size_t columns_;
  std::vector<double> last_kept_ = {};
  int64_t size_ = 0;  // of what is whole
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

}  // namespace papilio::nn
