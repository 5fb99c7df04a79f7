#include "nn/train/csv_log.h"

#include <cerrno>
#include <cstring>

#include "tensor/error.h"

namespace papilio::nn {

CsvLog::CsvLog(const std::filesystem::path& path, const std::vector<std::string>& columns)
    : path_(path.string()),
      columns_(columns.size()),
      file_(std::fopen(path_.c_str(), "w"), std::fclose) {
  check<FileError>(file_ != nullptr, path_, ": cannot be written: ", std::strerror(errno));
  std::string line;
  for (const std::string& column : columns) line += (line.empty() ? "" : ",") + column;
  write_line(line);
}

void CsvLog::write(const std::vector<double>& values) {
  check(values.size() == columns_, "CsvLog: expected ", columns_, " values, got ", values.size());
  std::string line;
  char number[32];
  for (double value : values) {
    std::snprintf(number, sizeof number, "%s%.9g", line.empty() ? "" : ",", value);
    line += number;
  }
  write_line(line);
}

void CsvLog::write_line(const std::string& line) {
  const bool written =
      std::fprintf(file_.get(), "%s\n", line.c_str()) >= 0 && std::fflush(file_.get()) == 0;
  check<FileError>(written, path_, ": cannot be written: ", std::strerror(errno));
}

}  // namespace papilio::nn
