// Whether markup is whole.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace papilio::test {

// What is wrong with the tags of `markup`, or nothing: every element closed in order, attributes
// quoted, no stray < or &.
inline std::string complaint(const std::string& markup) {
  static const std::vector<std::string> kVoid{"meta", "br",  "hr",       "link",
                                              "img",  "col", "!doctype", "!DOCTYPE"};
  std::vector<std::string> open;
  for (size_t at = 0; (at = markup.find('<', at)) != std::string::npos;) {
    const size_t end = markup.find('>', at);
    if (end == std::string::npos) return "a tag without an end";
    const std::string tag = markup.substr(at + 1, end - at - 1);
    at = end + 1;
    if (tag.find('<') != std::string::npos) return "a stray <: " + tag.substr(0, 60);
    if (std::count(tag.begin(), tag.end(), '"') % 2 != 0) return "an open quote: " + tag;
    const std::string name = tag.substr(0, tag.find_first_of(" /\n", 1));
    if (tag.starts_with("/")) {
      if (open.empty() || open.back() != tag.substr(1)) return "closes what is not open: " + tag;
      open.pop_back();
    } else if (name == "style") {
      at = markup.find("</style>", at) + 8;
    } else if (!tag.ends_with("/") && std::ranges::find(kVoid, name) == kVoid.end()) {
      open.push_back(name);
    }
  }
  return open.empty() ? "" : "never closed: " + open.back();
}

inline bool shows_nan(const std::string& markup) {
  for (const char* word : {"nan", "NaN", "inf\"", "inf ", ">inf"}) {
    if (markup.find(word) != std::string::npos) return true;
  }
  return false;
}

// How often `what` is in `text`.
inline int occurrences(const std::string& text, const std::string& what) {
  int count = 0;
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += what.size()) ++count;
  return count;
}

}  // namespace papilio::test
