// One option's value before all are read: what a command is about may depend on it.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace papilio::cli {

// What `--name` has on the line, as "--data X" or "--data=X", else in the file of --config. Empty
// if it is in neither, and if the file cannot be read: whoever reads all options says so.
std::optional<std::string> one_setting(const std::vector<std::string>& words,
                                       const std::string& name);

}  // namespace papilio::cli
