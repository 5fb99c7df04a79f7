// Comments and literals in a source's text, for tests that look at the code alone.
#pragma once

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <string>
#include <string_view>

namespace papilio::test {

inline bool in_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

// Where the comment or the literal that begins at `at` ends; `at` if none does.
inline size_t past_aside(std::string_view code, size_t at) {
  const auto past = [&](std::string_view end, size_t from) {
    const size_t found = code.find(end, from);
    return found == code.npos ? code.size() : found + end.size();
  };
  const std::string_view rest = code.substr(at);
  const bool word_before = at > 0 && in_word(code[at - 1]);
  if (rest.starts_with("//")) return std::min(code.find('\n', at), code.size());
  if (rest.starts_with("/*")) return past("*/", at + 2);
  if (rest.starts_with("R\"") && !word_before) {
    const std::string_view mark = rest.substr(2, rest.find('(') - 2);
    return past(")" + std::string(mark) + "\"", at + 2);
  }
  if (rest[0] != '"' && (rest[0] != '\'' || word_before)) return at;  // 1'000 is a number
  for (size_t i = at + 1; i < code.size(); ++i) {
    if (code[i] == '\\')
      ++i;
    else if (code[i] == rest[0])
      return i + 1;
  }
  return code.size();
}

// The code with a blank in the place of each comment and literal; an include keeps its <name>.
inline std::string without_asides(std::string_view code) {
  std::string text;
  for (size_t at = 0; at < code.size();) {
    const size_t end = past_aside(code, at);
    text += end == at ? code[at++] : ' ';
    at = std::max(at, end);
  }
  return text;
}

}  // namespace papilio::test
