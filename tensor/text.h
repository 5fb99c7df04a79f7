// Lists as text.
#pragma once

#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

namespace papilio {

// joined(std::vector{1, 2, 3}, ", ") == "1, 2, 3": the items of any container as they stream, with
// the separator between two. Empty for no items.
template <class Items>
requires requires(const Items& items, std::ostream& out) {
  out << *std::begin(items);
}
std::string joined(const Items& items, std::string_view separator) {
  std::ostringstream out;
  std::string_view before;
  for (const auto& item : items) {
    out << before << item;
    before = separator;
  }
  return std::move(out).str();
}

}  // namespace papilio
