#include "boft/model/detail/target_match.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include "boft/methods/detail/path_pattern.h"
#include "nn/models/detail/transformers_names.h"
#include "tensor/detail/lower_case.h"

namespace papilio::boft {

namespace {

bool full_match(const char* field, const std::string& pattern, const std::string& path) {
  return PathPattern(field, pattern).full_match(path);
}

bool is_name_or_suffix(const std::string& name, const std::string& path) {
  return path == name || path.ends_with('.' + name);
}

// The number that a list of layers gives a path: encoder.layer.3.output -> 3.
std::optional<int64_t> layer_index(const std::string& pattern, const std::string& path) {
  // PEFT anchors at the start: a lazy prefix, the list's name, the number.
  const std::string whole = pattern.empty() ? R"(.*?\.[^.]*\.(?P<idx>\d+)\.)"
                                            : R"((?:^|.*?\.))" + pattern + R"(\.(?P<idx>\d+)\.)";
  const auto digits = PathPattern("layers_pattern", whole).group(path, "idx");
  int64_t index = 0;
  if (!digits ||
      std::from_chars(digits->data(), digits->data() + digits->size(), index).ec != std::errc())
    return {};
  return index;
}

std::optional<int64_t> layer_index(const std::vector<std::string>& patterns,
                                   const std::string& path) {
  if (patterns.empty()) return layer_index("", path);
  for (const std::string& pattern : patterns) {
    if (const auto index = layer_index(pattern, path)) return index;
  }
  return {};
}

template <class Rule>
Match match(const std::string& path, Rule&& rule) {
  if (rule(path)) return Match::by_own_name;
  if (const auto halves = nn::halves_of(path)) {
    const bool first = rule((*halves)[0]), second = rule((*halves)[1]);
    return first && second   ? Match::by_transformers5_name
           : first || second ? Match::half
                             : Match::no;
  }
  const std::string other = nn::transformers5_name(path);
  return other != path && rule(other) ? Match::by_transformers5_name : Match::no;
}

bool excludes(const TargetRules& rules, const std::string& path) {
  const ModuleNames& exclude = rules.exclude_modules;
  if (!exclude.given()) return false;
  if (exclude.kind() == ModuleNames::Kind::pattern)
    return full_match("exclude_modules", exclude.pattern(), path);
  return std::ranges::any_of(
      exclude.names(), [&](const std::string& name) { return is_name_or_suffix(name, path); });
}

bool targets(const TargetRules& rules, const std::string& path) {
  const ModuleNames& target = rules.target_modules;
  if (!target.given()) return false;
  if (target.kind() == ModuleNames::Kind::pattern)
    return full_match("target_modules", target.pattern(), path);
  if (std::ranges::find(target.names(), path) != target.names().end()) return true;
  if (std::ranges::none_of(target.names(),
                           [&](const std::string& name) { return is_name_or_suffix(name, path); }))
    return false;
  if (rules.layers_to_transform.empty()) return true;
  const auto index = layer_index(rules.layers_pattern, path);
  return index &&
         std::ranges::find(rules.layers_to_transform, *index) != rules.layers_to_transform.end();
}

}  // namespace

Match match_target(const TargetRules& rules, const std::string& path) {
  return match(path, [&](const std::string& name) { return targets(rules, name); });
}

std::optional<NamedLayer> named_layer(const TargetRules& rules, const std::string& path) {
  std::vector<std::string> names{path};
  if (const auto halves = nn::halves_of(path)) names.insert(names.end(), {(*halves)[0]});
  names.push_back(nn::transformers5_name(path));
  TargetRules unfiltered = rules;
  unfiltered.layers_to_transform.clear();
  std::optional<NamedLayer> found;
  for (const std::string& name : names) {
    if (!targets(unfiltered, name)) continue;
    const auto index = layer_index(rules.layers_pattern, name);
    if (!found || (!found->index && index)) found = {name, index};
  }
  return found;
}

Match match_saved(const std::string& entry, const std::string& path) {
  return match(path, [&](const std::string& name) {
    for (size_t end = name.size(); end != name.npos && end > 0; end = name.rfind('.', end - 1))
      if (std::string_view(name).substr(0, end).ends_with(entry)) return true;
    return false;
  });
}

bool matches_target(const TargetRules& rules, const std::string& path) {
  return match_target(rules, path) != Match::no;
}

bool is_excluded(const TargetRules& rules, const std::string& path) {
  return match(path, [&](const std::string& name) { return excludes(rules, name); }) != Match::no;
}

bool is_saved(const TargetRules& rules, const std::string& path) {
  const auto saves = [&](const std::string& candidate) {
    return std::ranges::any_of(rules.modules_to_save, [&](const std::string& name) {
      return full_match("modules_to_save", R"((^|.*\.))" + name + R"(($|\..*))", candidate);
    });
  };
  return match(path, saves) != Match::no;
}

bool names_path(const std::string& name, const std::string& path) {
  return match(path, [&](const std::string& own) { return is_name_or_suffix(name, own); }) !=
         Match::no;
}

bool has_layer(const std::string& pattern, const std::string& path) {
  return match(path, [&](const std::string& name) {
           return layer_index(pattern, name).has_value();
         }) != Match::no;
}

bool is_in_layer(const TargetRules& rules, int64_t index, const std::string& path) {
  return match(path, [&](const std::string& name) {
           return layer_index(rules.layers_pattern, name) == index;
         }) != Match::no;
}

bool is_all_linear(const ModuleNames& target_modules) {
  if (target_modules.kind() != ModuleNames::Kind::pattern) return false;
  return lower_case(target_modules.pattern()) == "all-linear";
}

}  // namespace papilio::boft
