#include "nn/train/detail/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <set>

#include "nn/text/utf8.h"

namespace papilio::nn {

namespace {

// The first code point's bytes; a byte that is no UTF-8 counts as one.
size_t first_bytes(std::string_view text) {
  return std::max<size_t>(1, utf8_length(text, 0));
}

// East Asian Width (Unicode's annex 11) W and F, in whole blocks.
int64_t first_columns(std::string_view text) {
  constexpr char32_t kWide[][2] = {{0x1100, 0x115f},  {0x2e80, 0xa4cf},   {0xac00, 0xd7a3},
                                   {0xf900, 0xfaff},  {0xfe30, 0xfe6f},   {0xff00, 0xff60},
                                   {0xffe0, 0xffe6},  {0x1f300, 0x1f64f}, {0x1f900, 0x1f9ff},
                                   {0x20000, 0x3fffd}};
  const size_t length = utf8_length(text, 0);
  const char32_t c = length == 0 ? 0 : utf8_code_point(text, 0, length);
  return std::ranges::any_of(kWide, [&](const auto& r) { return c >= r[0] && c <= r[1]; }) ? 2 : 1;
}

// The bytes of the longest beginning that takes no more columns.
size_t beginning(std::string_view text, int64_t columns) {
  size_t at = 0;
  while (at < text.size()) {
    columns -= first_columns(text.substr(at));
    if (columns < 0) break;
    at += first_bytes(text.substr(at));
  }
  return at;
}

}  // namespace

bool is_terminal(std::FILE* out) {
  return out != nullptr && ::isatty(::fileno(out)) == 1;
}

int64_t terminal_columns(std::FILE* out) {
  constexpr int64_t kUsual = 80;
  struct winsize size = {};
  if (::ioctl(::fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const char* const said = std::getenv("COLUMNS");
  const int64_t columns = said == nullptr ? 0 : std::strtoll(said, nullptr, 10);
  return columns > 0 ? columns : kUsual;
}

int64_t columns_of(std::string_view text) {
  int64_t columns = 0;
  for (; !text.empty(); text.remove_prefix(first_bytes(text))) columns += first_columns(text);
  return columns;
}

std::string cut_to(std::string_view text, int64_t columns) {
  if (columns_of(text) <= columns) return std::string(text);
  if (columns < 1) return "";
  return std::string(text.substr(0, beginning(text, columns - 1))) + "…";
}

std::string fitted(const std::vector<LinePart>& parts, int64_t columns) {
  std::vector<const LinePart*> by_rank;
  by_rank.reserve(parts.size());
  for (const LinePart& part : parts) by_rank.push_back(&part);
  std::ranges::stable_sort(by_rank, {}, &LinePart::rank);
  std::set<const LinePart*> shown;
  int64_t taken = 0;
  for (const LinePart* part : by_rank) {
    const int64_t more = columns_of(part->text);
    if (part->rank > 0 && taken + more > columns) break;
    shown.insert(part);
    taken += more;
  }
  std::string line;
  for (const LinePart& part : parts)
    if (shown.contains(&part)) line += part.text;
  return cut_to(line, columns);
}

}  // namespace papilio::nn
