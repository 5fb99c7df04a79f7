#include "nn/detail/text_table.h"

#include <algorithm>
#include <cstddef>
#include <span>

#include "tensor/text.h"

namespace papilio::nn {

namespace {

// Characters of UTF-8 text: bytes that do not go on with one.
size_t width_of(const std::string& text) {
  return size_t(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

std::string table(const std::vector<std::vector<std::string>>& rows, size_t right_from) {
  std::vector<size_t> width(rows[0].size());
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) width[c] = std::max(width[c], width_of(row[c]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string space(width[c] - width_of(row[c]), ' ');
      line += (c > 0 ? "  " : "") + (c >= right_from ? space + row[c] : row[c] + space);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

std::string with_commas(int64_t n) {
  std::string digits = std::to_string(n);
  for (int at = int(digits.size()) - 3; at > 0; at -= 3) digits.insert(size_t(at), ",");
  return digits;
}

std::string counted(int64_t n, const char* what) {
  return with_commas(n) + ' ' + what + (n == 1 ? "" : "s");
}

std::string listed(const std::vector<std::string>& names, size_t most) {
  std::string text = joined(std::span(names).first(std::min(names.size(), most)), ", ");
  if (names.size() > most) text += " and " + std::to_string(names.size() - most) + " more";
  return text;
}

}  // namespace papilio::nn
