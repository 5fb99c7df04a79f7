// adapter_config.json: PEFT's file of a configuration.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "boft/methods/methods.h"

namespace papilio::boft {

struct LoadedConfig {
  AdapterConfig config;
  std::vector<std::string> warnings;  // unknown keys, one line each
};

// Throws FileError that names the file and the key: not JSON, a wrong type, an unknown peft_type,
// an option that would change the mathematics and is not supported; ArgumentError if the values
// contradict each other.
LoadedConfig parse_config(std::string_view text, const std::string& where);
LoadedConfig read_config(const std::filesystem::path& path);

// Indent 2, sorted keys, inference_mode true: as PEFT writes it.
std::string config_text(const AdapterConfig& config);

// One field: its name, and its value as JSON.
struct FieldText {
  std::string key, value;
};
// The fields that are not null, the method's own first, in the order in which it names them.
std::vector<FieldText> config_fields(const AdapterConfig& config);

}  // namespace papilio::boft
