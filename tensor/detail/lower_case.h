// Words in whatever case.
#pragma once

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>

namespace papilio {

// ASCII's capitals small; other bytes stay.
inline std::string lower_case(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](unsigned char c) { return char(std::tolower(c)); });
  return result;
}

}  // namespace papilio
