#include "samples/papilio/options/one_setting.h"

#include <cstddef>

#include "samples/papilio/options/toml.h"
#include "tensor/error.h"
#include "tensor/files/detail/regular_file.h"

namespace papilio::cli {

namespace {

std::optional<std::string> on_line(const std::vector<std::string>& words, const std::string& name) {
  const std::string option = "--" + name;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == option && i + 1 < words.size()) return words[i + 1];
    if (words[i].starts_with(option + '=')) return words[i].substr(option.size() + 1);
  }
  return {};
}

}  // namespace

std::optional<std::string> one_setting(const std::vector<std::string>& words,
                                       const std::string& name) {
  if (auto value = on_line(words, name)) return value;
  const auto config = on_line(words, "config");
  if (!config) return {};
  constexpr size_t kLargest = 1 << 20;
  try {
    for (const TomlEntry& entry : parse_toml(RegularFile(*config).read(kLargest), *config))
      if (entry.key == name && entry.values.size() == 1) return entry.values[0];
  } catch (const FileError&) {
  }
  return {};
}

}  // namespace papilio::cli
