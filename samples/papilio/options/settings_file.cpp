#include "samples/papilio/options/settings_file.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "samples/papilio/options/keys.h"
#include "samples/papilio/options/nearest.h"
#include "samples/papilio/options/toml.h"
#include "samples/papilio/version.h"
#include "tensor/files/detail/regular_file.h"
#include "tensor/text.h"

namespace papilio::cli {

namespace {

std::string text_of(const std::string& path) {
  constexpr size_t kLargest = 1 << 20;
  const RegularFile file(path);
  check<FileError>(file.size() <= kLargest, path,
                   ": is larger than 1 MiB; expected a file of settings");
  return file.read(kLargest);
}

}  // namespace

void read_settings(std::deque<Option>& options, const std::string& path,
                   const std::string& command) {
  std::vector<std::string> known;
  for (const Option& o : options)
    if (o.in_file) known.push_back(o.key());
  for (const TomlEntry& entry : parse_toml(text_of(path), path)) {
    // These tell of the program that wrote it and of how the result came to be: no settings.
    if (entry.key == "version" || entry.key.starts_with(kTrainedPrefix)) continue;
    if (entry.key == "command") {
      check<UsageError>(entry.values == std::vector{command}, entry.where, ": settings of papilio ",
                        joined(entry.values, " "), ", not of ", command);
      continue;
    }
    const auto option = std::ranges::find_if(
        options, [&](const Option& o) { return o.in_file && o.key() == entry.key; });
    check<UsageError>(option != options.end(), entry.where, ": unknown key ", entry.key,
                      did_you_mean(entry.key, known));
    if (option->origin == Option::Origin::line) continue;
    option->set(entry.values, entry.where + ": ");
    option->origin = Option::Origin::file;
  }
}

std::optional<std::string> recorded_setting(const std::string& path, std::string_view key) {
  try {
    for (const TomlEntry& entry : parse_toml(text_of(path), path))
      if (entry.key == key && entry.values.size() == 1) return entry.values[0];
  } catch (const FileError&) {
    return {};
  }
  return "";
}

std::string settings_text(const std::deque<Option>& options, const std::string& command) {
  std::string text = "version = " + toml_string(kVersion) + '\n';
  text += "command = " + toml_string(command) + '\n';
  for (const Option& o : options)
    if (o.in_file && o.applies) text += o.key() + " = " + o.value_toml() + '\n';
  return text;
}

}  // namespace papilio::cli
