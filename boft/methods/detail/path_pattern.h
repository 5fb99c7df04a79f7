// Regular expressions over module paths, as configurations of PEFT have them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace papilio::boft {

// One expression in the syntax of Python's `re`, look-around and named groups included. However it
// is nested, compiling and matching take bounded time and memory.
class PathPattern {
 public:
  // Throws ArgumentError, which begins with `field`, for text that is no expression, is longer than
  // 65,536 bytes, or nests its parentheses more than 250 deep.
  PathPattern(std::string field, std::string_view text);

  // re.fullmatch. Throws ArgumentError if the search takes too many steps.
  bool full_match(std::string_view path) const;
  // Group 1 of re.match, which begins at the path's first letter; nothing if it does not match.
  std::optional<std::string> first_group(std::string_view path) const { return group(path, 1); }
  // The same of the group (?P<name>...).
  std::optional<std::string> group(std::string_view path, const char* name) const;

 private:
  std::optional<std::string> group(std::string_view path, int number) const;

  std::string field_, text_;
  std::shared_ptr<void> code_;
};

}  // namespace papilio::boft
