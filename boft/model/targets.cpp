#include "boft/model/targets.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <optional>
#include <system_error>

#include "boft/model/detail/path_pattern.h"
#include "nn/layers/embedding.h"
#include "nn/models/image_classifier.h"
#include "nn/models/transformers_names.h"
#include "nn/text_table.h"

namespace papilio::boft {

namespace {

bool full_match(const char* field, const std::string& pattern, const std::string& path) {
  return PathPattern(field, pattern).full_match(path);
}

bool has_name_or_suffix(const std::vector<std::string>& names, const std::string& path) {
  return std::ranges::any_of(
      names, [&](const std::string& name) { return path == name || path.ends_with('.' + name); });
}

// The number that layers_pattern (or any list of layers) gives a path: encoder.layer.3.output -> 3.
std::optional<int64_t> layer_index(const std::vector<std::string>& patterns,
                                   const std::string& path) {
  const auto index_by = [&](const std::string& pattern) -> std::optional<int64_t> {
    // PEFT anchors at the start: a lazy prefix, the list's name, the number.
    const auto digits = PathPattern("layers_pattern", pattern).group(path, "idx");
    int64_t index = 0;
    if (!digits ||
        std::from_chars(digits->data(), digits->data() + digits->size(), index).ec != std::errc())
      return {};
    return index;
  };
  if (patterns.empty()) return index_by(R"(.*?\.[^.]*\.(?P<idx>\d+)\.)");
  for (const std::string& pattern : patterns) {
    if (const auto index = index_by(R"((?:^|.*?\.))" + pattern + R"(\.(?P<idx>\d+)\.)"))
      return index;
  }
  return {};
}

std::string described(const ModuleNames& names) {
  return names.kind() == ModuleNames::Kind::pattern ? '"' + names.pattern() + '"'
                                                    : '{' + nn::listed(names.names()) + '}';
}

// The last parts of the paths, each once: what a user would write into target_modules.
std::string existing_names(const std::vector<std::string>& paths) {
  std::vector<std::string> names;
  for (const std::string& path : paths) {
    // layer.3.output.dense -> output.dense: a bare "dense" would name several kinds of layers.
    static const PathPattern after_number("target_modules", R"(.*\.\d+\.(.*))");
    const std::string name = after_number.first_group(path).value_or(path);
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return nn::listed(names);
}

// Whether a rule holds for the path under the name that Transformers 4 or 5 gives it.
template <class Rule>
bool by_either_name(const std::string& path, Rule&& rule) {
  if (rule(path)) return true;
  const std::string other = nn::transformers5_name(path);
  return other != path && rule(other);
}

bool excludes(const TargetRules& rules, const std::string& path) {
  const ModuleNames& exclude = rules.exclude_modules;
  if (!exclude.given()) return false;
  if (exclude.kind() == ModuleNames::Kind::pattern)
    return full_match("exclude_modules", exclude.pattern(), path);
  return has_name_or_suffix(exclude.names(), path);
}

bool saves(const TargetRules& rules, const std::string& path) {
  return std::ranges::any_of(rules.modules_to_save, [&](const std::string& name) {
    return full_match("modules_to_save", R"((^|.*\.))" + name + R"(($|\..*))", path);
  });
}

bool targets(const TargetRules& rules, const std::string& path) {
  const ModuleNames& target = rules.target_modules;
  if (!target.given()) return false;
  if (target.kind() == ModuleNames::Kind::pattern)
    return full_match("target_modules", target.pattern(), path);
  if (std::ranges::find(target.names(), path) != target.names().end()) return true;
  if (!has_name_or_suffix(target.names(), path)) return false;
  if (rules.layers_to_transform.empty()) return true;
  const auto index = layer_index(rules.layers_pattern, path);
  return index &&
         std::ranges::find(rules.layers_to_transform, *index) != rules.layers_to_transform.end();
}

// Transformers 5 has the same module, one module further in (DINOv3): target_modules that end with
// its name fit both, and 5 is taken, since 4 hardly had the model.
bool only_nested_in_transformers5(const std::string& path) {
  const std::string other = nn::transformers5_name(path);
  return other.size() > path.size() && other.ends_with(path);
}

}  // namespace

bool is_all_linear(const ModuleNames& target_modules) {
  if (target_modules.kind() != ModuleNames::Kind::pattern) return false;
  std::string lower = target_modules.pattern();
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return lower == "all-linear";
}

bool is_excluded(const TargetRules& rules, const std::string& path) {
  return by_either_name(path, [&](const std::string& name) { return excludes(rules, name); });
}

bool is_saved(const TargetRules& rules, const std::string& path) {
  return by_either_name(path, [&](const std::string& name) { return saves(rules, name); });
}

bool matches_target(const TargetRules& rules, const std::string& path) {
  return by_either_name(path, [&](const std::string& name) { return targets(rules, name); });
}

TargetSelection select_targets(nn::Module& model, const TargetRules& rules) {
  check(rules.target_modules.given(),
        "target_modules: not given; name the layers to adapt, or \"all-linear\"");
  TargetSelection selection;
  std::vector<std::string> adaptable;
  bool excluded_any = false;
  const bool all_linear = is_all_linear(rules.target_modules);
  if (rules.target_modules.kind() == ModuleNames::Kind::pattern &&
      !rules.layers_to_transform.empty()) {
    selection.warnings.push_back(
        all_linear
            ? "layers_to_transform is ignored because target_modules is \"all-linear\""
            : "layers_to_transform is ignored because target_modules is a regular expression");
  }
  auto* const classifier = dynamic_cast<nn::ImageClassifier*>(&model);
  nn::for_each_module(model, [&](const std::string& path, nn::Module& module) {
    if (path.empty() || path.find(".adapters.") != std::string::npos) return;
    auto* layer = dynamic_cast<nn::AdaptableLayer*>(&module);
    const bool excluded = is_excluded(rules, path);
    excluded_any |= excluded;
    // exclude_modules speaks of adapters only.
    const auto ends = [&](const std::string& name) { return path.ends_with(name); };
    if (std::ranges::any_of(rules.modules_to_save, ends)) {
      const auto inside = [&](const std::string& outer) { return path.starts_with(outer + '.'); };
      if (std::ranges::none_of(selection.saved, inside)) selection.saved.push_back(path);
      return;
    }
    if (is_saved(rules, path)) return;
    if (layer != nullptr) adaptable.push_back(path);
    if (excluded) return;
    if (all_linear) {
      // Every linear map (2-d weight) but the classification head.
      const bool head = classifier != nullptr
                            ? nn::in_head(*classifier, path)
                            : path == "classifier" || path.ends_with(".classifier");
      const bool linear = layer != nullptr && layer->weight.dim() == 2 &&
                          dynamic_cast<nn::Embedding*>(layer) == nullptr;
      if (!linear || head) return;
      selection.adapted.push_back(path);
      selection.transformers5_names |= only_nested_in_transformers5(path);
      return;
    }
    if (!matches_target(rules, path)) return;
    check(layer != nullptr, "target_modules: ", path, " is a ", module.describe(),
          ", which cannot be adapted; Linear, Conv1D, Conv2d and Embedding can");
    selection.adapted.push_back(path);
    if (!targets(rules, path) || only_nested_in_transformers5(path))
      selection.transformers5_names = true;
  });
  if (rules.exclude_modules.given() && !excluded_any) {
    selection.warnings.push_back("exclude_modules " + described(rules.exclude_modules) +
                                 " matches no module");
  }
  for (const std::string& name : rules.modules_to_save) {
    const bool found = std::ranges::any_of(
        selection.saved, [&](const std::string& path) { return path.ends_with(name); });
    if (!found) selection.warnings.push_back("modules_to_save " + name + " matches no module");
  }
  check(!selection.adapted.empty(), "target_modules: ", described(rules.target_modules),
        " matches no module that can be adapted; there are: ", existing_names(adaptable));
  return selection;
}

std::vector<nn::NamedTensor> trained_in_full(nn::Module& model, const TargetSelection& targets,
                                             const std::string& bias) {
  const auto is_saved = [&](const std::string& parameter) {
    return std::ranges::any_of(
        targets.saved, [&](const std::string& path) { return parameter.starts_with(path + '.'); });
  };
  const auto trains_bias = [&](const std::string& parameter) {
    if (!parameter.ends_with(".bias") || bias == "none") return false;
    const std::string layer = parameter.substr(0, parameter.size() - 5);
    return bias == "all" || std::ranges::find(targets.adapted, layer) != targets.adapted.end();
  };
  std::vector<nn::NamedTensor> result;
  for (const auto& named : nn::named_parameters(model)) {
    if (named.name.find(".adapters.") != std::string::npos) continue;
    if (is_saved(named.name) || trains_bias(named.name)) result.push_back(named);
  }
  return result;
}

}  // namespace papilio::boft
