// A table of numbers that grows by a line at a time and can be read while training runs.
#pragma once

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
  // One value a column, written and flushed. Throws FileError where the disk is full, ArgumentError
  // for another number of values.
  void write(const std::vector<double>& values);

 private:
  void write_line(const std::string& line);

  std::string path_;
  size_t columns_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

}  // namespace papilio::nn
