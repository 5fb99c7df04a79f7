// Whether a configuration's rules mean one path: PEFT's rules, under the names of Transformers 4
// and the checkpoints or those of Transformers 5.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "boft/methods/methods.h"

namespace papilio::boft {

// What a rule says of a path.
enum class Match {
  no,
  by_own_name,
  by_transformers5_name,  // and not by its own
  half,  // by the name of one of the halves that Transformers 5 splits it into, not by the other's
};

// Whether target_modules, under the layer filter, name the module at this path.
Match match_target(const TargetRules& rules, const std::string& path);
// The path itself or a module around it ends with this entry of modules_to_save.
Match match_saved(const std::string& name, const std::string& path);

// Does one path match? A half is enough for exclusion.
bool matches_target(const TargetRules& rules, const std::string& path);
bool is_excluded(const TargetRules& rules, const std::string& path);
bool is_saved(const TargetRules& rules, const std::string& path);

// By target_modules without the layer filter: the name by which they match the path, and the number
// that the filter finds in it.
struct NamedLayer {
  std::string name;
  std::optional<int64_t> index;
};
std::optional<NamedLayer> named_layer(const TargetRules& rules, const std::string& path);

// Whether an entry of a list means the path, whatever the layer filter says.
bool names_path(const std::string& name, const std::string& path);
// Whether layers_pattern's entry finds a layer's number in the path; whether it is `index`. The
// empty pattern is any list of layers.
bool has_layer(const std::string& pattern, const std::string& path);
bool is_in_layer(const TargetRules& rules, int64_t index, const std::string& path);

// "all-linear", in any case.
bool is_all_linear(const ModuleNames& target_modules);

}  // namespace papilio::boft
