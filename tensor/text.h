// Lists as text.
#pragma once

#include <cstddef>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace papilio {

// joined(std::vector{1, 2, 3}, ", ", " or ") == "1, 2 or 3": the items of any container as they
// stream, with the separator between two, and `last` between the last two. Empty for no items.
template <class Items>
requires requires(const Items& items, std::ostream& out) {
  out << *std::begin(items);
}
std::string joined(const Items& items, std::string_view separator, std::string_view last) {
  std::ostringstream out;
  const auto count = std::distance(std::begin(items), std::end(items));
  std::ptrdiff_t i = 0;
  for (const auto& item : items) {
    if (i > 0) out << (i + 1 == count ? last : separator);
    out << item;
    ++i;
  }
  return std::move(out).str();
}
// joined(std::vector{1, 2, 3}, ", ") == "1, 2, 3"
template <class Items>
std::string joined(const Items& items, std::string_view separator) {
  return joined(items, separator, separator);
}

// quoted({"a", "b"}): each word between quotation marks, as messages show what a file says.
inline std::vector<std::string> quoted(std::vector<std::string> words) {
  for (std::string& word : words) word = '"' + word + '"';
  return words;
}

}  // namespace papilio
