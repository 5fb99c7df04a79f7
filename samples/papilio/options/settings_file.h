// Options in files: what --config reads, and the run.toml written beside results.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "samples/papilio/options/option.h"

namespace papilio::cli {

// The settings of the run that writes into a folder; and, while the result of another run is still
// there, that run's.
inline constexpr const char *kRunSettings = "run.toml", *kResultSettings = ".result.toml";

// Sets the options that the file names and the line did not set. Throws UsageError for an unknown
// key, a wrong value and another command's settings, FileError for a file that is broken.
void read_settings(std::deque<Option>& options, const std::string& path,
                   const std::string& command);

// What a file of settings says of a key: "" if nothing, no value if it cannot be read.
std::optional<std::string> recorded_setting(const std::string& path, std::string_view key);

// Every option that applies with its value, in TOML, under the version and the command. Throws
// UsageError for a value that is not UTF-8.
std::string settings_text(const std::deque<Option>& options, const std::string& command);

}  // namespace papilio::cli
