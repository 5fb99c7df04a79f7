#include "nn/data/formats/detail/csv.h"

#include <algorithm>
#include <utility>

#include "tensor/error.h"

namespace papilio::nn {

namespace {

class Parser {
 public:
  Parser(std::string_view text, const std::string& where) : text_(text), where_(where) {
    if (text_.starts_with("\xef\xbb\xbf")) text_.remove_prefix(3);
  }

  std::vector<CsvRow> rows() {
    std::vector<CsvRow> rows;
    while (at_ < text_.size()) {
      CsvRow row{line_, {}};
      do {
        row.fields.push_back(field());
      } while (take(','));
      end_line(row.line);
      if (row.fields.size() == 1 && row.fields[0].empty()) continue;
      check<FileError>(rows.empty() || row.fields.size() == rows[0].fields.size(), where_,
                       ", line ", row.line, ": expected ", rows.empty() ? 0 : rows[0].fields.size(),
                       " fields, got ", row.fields.size());
      rows.push_back(std::move(row));
    }
    return rows;
  }

 private:
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void end_line(size_t row) {
    const bool returned = take('\r'), ended = take('\n') || returned;
    check<FileError>(ended || at_ >= text_.size(), where_, ", line ", row,
                     ": a quoted field does not end behind its quote");
    ++line_;
  }

  std::string field() {
    if (!take('"')) {
      const size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
      const std::string_view value = text_.substr(at_, end - at_);
      at_ = end;
      return std::string(value);
    }
    std::string value;
    for (const size_t begun = line_;;) {
      check<FileError>(at_ < text_.size(), where_, ", line ", begun, ": a quote does not end");
      const char c = text_[at_++];
      if (c == '"' && !take('"')) return value;
      line_ += c == '\n';
      value += c;
    }
  }

  std::string_view text_;
  const std::string& where_;
  size_t at_ = 0, line_ = 1;
};

}  // namespace

std::vector<CsvRow> parse_csv(std::string_view text, const std::string& where) {
  return Parser(text, where).rows();
}

}  // namespace papilio::nn
