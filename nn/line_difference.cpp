#include <algorithm>
#include <cstddef>
#include <map>
#include <sstream>
#include <vector>

#include "nn/detail/line_difference.h"

namespace papilio::nn {

namespace {

using Lines = std::vector<std::string>;

Lines lines_of(const std::string& text) {
  Lines lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// One word before " = " or ": "; the place of a line that has no such word.
std::string key_of(const std::string& line, size_t place) {
  const size_t end = std::min(line.find(" = "), line.find(": "));
  return end != line.npos && line.find(' ') >= end ? line.substr(0, end)
                                                   : ' ' + std::to_string(place);
}

std::map<std::string, std::string> by_key(const Lines& lines) {
  std::map<std::string, std::string> result;
  for (size_t i = 0; i < lines.size(); ++i) result.emplace(key_of(lines[i], i), lines[i]);
  return result;
}

}  // namespace

std::optional<LineDifference> line_difference(const std::string& own, const std::string& other) {
  const Lines mine = lines_of(own), theirs = lines_of(other);
  if (mine == theirs) return std::nullopt;
  const auto known = by_key(mine), there = by_key(theirs);
  for (size_t i = 0; i < mine.size(); ++i) {
    const auto found = there.find(key_of(mine[i], i));
    if (found == there.end()) return LineDifference{mine[i], ""};
    if (found->second != mine[i]) return LineDifference{mine[i], found->second};
  }
  for (size_t i = 0; i < theirs.size(); ++i)
    if (!known.contains(key_of(theirs[i], i))) return LineDifference{"", theirs[i]};
  const auto [a, b] = std::ranges::mismatch(mine, theirs);
  return LineDifference{a == mine.end() ? "" : *a, b == theirs.end() ? "" : *b};
}

}  // namespace papilio::nn
