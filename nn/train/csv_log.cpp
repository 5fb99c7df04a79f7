#include "nn/train/csv_log.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>

#include "tensor/error.h"
#include "tensor/files/atomic_file.h"
#include "tensor/text.h"

namespace papilio::nn {

namespace {

std::string header_of(const std::vector<std::string>& columns) {
  return joined(columns, ",") + '\n';
}

std::string field(const std::string& line, size_t index) {
  std::istringstream fields(line);
  std::string text;
  for (size_t i = 0; i <= index; ++i) {
    text.clear();
    std::getline(fields, text, ',');
  }
  return text;
}

// The header and the lines up to `last`.
std::string kept(const std::filesystem::path& path, const std::vector<std::string>& columns,
                 const std::string& column, int64_t last) {
  const auto found = std::ranges::find(columns, column);
  check(found != columns.end(), "CsvLog: there is no column ", column);
  const auto index = size_t(found - columns.begin());
  std::string content = header_of(columns), line;
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return content;
  std::ifstream file(path);
  std::getline(file, line);
  if (line + '\n' != content) return content;
  while (std::getline(file, line) && !file.eof()) {  // a last line without its end is cut off
    const std::string value = field(line, index);
    const bool whole = std::ranges::count(line, ',') + 1 == std::ptrdiff_t(columns.size());
    if (whole && !value.empty() && std::strtod(value.c_str(), nullptr) <= double(last))
      content += line + '\n';
  }
  return content;
}

}  // namespace

CsvLog::CsvLog(const std::filesystem::path& path, const std::vector<std::string>& columns)
    : CsvLog(path, columns, header_of(columns)) {}

CsvLog::CsvLog(const std::filesystem::path& path, const std::vector<std::string>& columns,
               const std::string& column, int64_t last)
    : CsvLog(path, columns, kept(path, columns, column, last)) {
  std::ostringstream whole;
  whole << std::ifstream(path).rdbuf();
  const std::string content = whole.str();
  const size_t end = content.size() - 1, begin = content.rfind('\n', end - 1);
  if (begin == content.npos) return;  // the header alone
  const std::string line = content.substr(begin + 1, end - begin - 1);
  for (size_t i = 0; i < columns.size(); ++i)
    last_kept_.push_back(std::strtod(field(line, i).c_str(), nullptr));
}

CsvLog::CsvLog(const std::filesystem::path& path, const std::vector<std::string>& columns,
               const std::string& content)
    : path_(path.string()), columns_(columns.size()), file_(nullptr, std::fclose) {
  write_file_atomically(path, content);
  file_.reset(std::fopen(path_.c_str(), "a"));
  check<FileError>(file_ != nullptr, path_, ": cannot be written: ", std::strerror(errno));
  std::setvbuf(file_.get(), nullptr, _IONBF, 0);
  size_ = int64_t(content.size());
}

void CsvLog::write(const std::vector<double>& values) {
  check(values.size() == columns_, "CsvLog: expected ", columns_, " values, got ", values.size());
  std::vector<std::string> fields;
  for (double value : values) {
    char number[32];
    std::snprintf(number, sizeof number, "%.9g", value);
    fields.emplace_back(number);
  }
  write_text(joined(fields, ",") + '\n');
}

void CsvLog::write_text(const std::string& text) {
  const bool written = std::fputs(text.c_str(), file_.get()) >= 0 && std::fflush(file_.get()) == 0;
  const int error = errno;
  if (written) {
    size_ += int64_t(text.size());
    return;
  }
  // Half a line goes: the next one begins where it began.
  std::clearerr(file_.get());
  const bool cut = ::ftruncate(::fileno(file_.get()), size_) == 0;
  throw FileError(str(
      path_, cut ? ": cannot be written: " : ": cannot be written or cut: ", std::strerror(error)));
}

}  // namespace papilio::nn
