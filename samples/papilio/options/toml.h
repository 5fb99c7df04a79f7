// The part of TOML that a flat list of settings needs: `key = value` with strings, numbers,
// booleans and arrays of these, and comments.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace papilio::cli {

struct TomlEntry {
  std::string key;
  std::vector<std::string> values;  // one, or an array's
  std::string where;                // "run.toml, line 3"
};
// Throws FileError with the line for anything else, and for a key that appears twice.
std::vector<TomlEntry> parse_toml(std::string_view text, const std::string& name);

// 'text' or "text", whichever needs no escapes, else with them.
std::string toml_string(std::string_view text);

}  // namespace papilio::cli
