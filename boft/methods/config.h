// What the methods' configurations have in common. Field names, defaults and rules are PEFT's.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <tuple>
#include <vector>

#include "boft/methods/fields.h"

namespace papilio::boft {

// The rules that choose modules, the same for every method.
struct TargetRules {
  ModuleNames target_modules = {};
  ModuleNames exclude_modules = {};
  std::vector<std::string> modules_to_save = {};
  std::vector<int64_t> layers_to_transform = {};
  std::vector<std::string> layers_pattern = {};
  std::string task_type = {};
};

// The fields that mean the same in every method. A configuration declares them itself, because
// designated initialisers name no member of a base; whatever is done with them is done here.
// Beside these each has `bias`: "none", "all" or the method's own word ("boft_only": of adapted
// layers), and most have `fan_in_fan_out`: the weight is stored (in, out).
template <class Config>
auto shared_fields(Config& c) {
  return std::tie(c.target_modules, c.exclude_modules, c.modules_to_save, c.layers_to_transform,
                  c.layers_pattern, c.task_type, c.base_model_name_or_path, c.revision,
                  c.auto_mapping);
}

// The rules of one configuration.
template <class Config>
TargetRules target_rules(const Config& c) {
  return {c.target_modules,      c.exclude_modules, c.modules_to_save,
          c.layers_to_transform, c.layers_pattern,  c.task_type};
}

// Has the configuration that field?
template <class Config>
constexpr bool has_fan_in_fan_out = requires(Config c) {
  c.fan_in_fan_out;
};

// Visits the shared fields, `bias` and `fan_in_fan_out`.
template <class Config>
void visit_shared(FieldVisitor& v, Config& c) {
  v.names("target_modules", c.target_modules);
  v.names("exclude_modules", c.exclude_modules);
  if constexpr (has_fan_in_fan_out<Config>) v.flag("fan_in_fan_out", c.fan_in_fan_out);
  v.choice("bias", c.bias, {"none", "all", Config::own_bias});
  v.list("modules_to_save", c.modules_to_save);
  v.indices("layers_to_transform", c.layers_to_transform);
  v.one_or_more("layers_pattern", c.layers_pattern);
  // Kept in the file; empty is null. auto_mapping is JSON (the Python class of the base).
  v.text("task_type", c.task_type);
  v.text("base_model_name_or_path", c.base_model_name_or_path);
  v.text("revision", c.revision);
  v.json("auto_mapping", c.auto_mapping);
}

// Throws ArgumentError, which begins with the configuration's name, for a field out of its range
// and layers_pattern without layers_to_transform.
template <class Config>
void check_fields(const Config& config) {
  FieldCheck check_each(Config::name);
  Config copy = config;
  copy.fields(check_each);
  check(config.layers_pattern.empty() || !config.layers_to_transform.empty(), Config::name,
        ": layers_pattern needs layers_to_transform");
}

}  // namespace papilio::boft
