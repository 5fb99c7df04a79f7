#include "boft/model/targets.h"

#include <algorithm>
#include <cstdint>

#include "boft/methods/detail/path_pattern.h"
#include "boft/model/detail/target_match.h"
#include "nn/adapter.h"
#include "nn/detail/layer_places.h"
#include "nn/detail/text_table.h"
#include "nn/models/detail/transformers_names.h"
#include "nn/models/pretrained_model.h"

namespace papilio::boft {

namespace {

using Paths = std::vector<std::string>;

std::string described(const ModuleNames& names) {
  return names.kind() == ModuleNames::Kind::pattern ? '"' + names.pattern() + '"'
                                                    : '{' + nn::listed(names.names()) + '}';
}

// The last parts of the paths, each once: what a user would write into target_modules.
std::string existing_names(const Paths& paths) {
  Paths names;
  for (const std::string& path : paths) {
    // layer.3.output.dense -> output.dense: a bare "dense" would name several kinds of layers.
    static const PathPattern after_number("target_modules", R"(.*\.\d+\.(.*))");
    const std::string name = after_number.first_group(path).value_or(path);
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return nn::listed(names);
}

bool is_saved_by_any(const TargetRules& rules, const std::string& path, bool& transformers5) {
  bool saved = false, own = false;
  for (const std::string& name : rules.modules_to_save) {
    const Match match = match_saved(name, path);
    check(match != Match::half, "modules_to_save: ", name, " is one half of ", path,
          "; name the other too: it is one module here");
    saved |= match != Match::no;
    own |= match == Match::by_own_name;
  }
  transformers5 |= saved && !own;
  return saved;
}

// Every linear map but the head.
bool is_of_all_linear(nn::PretrainedModel* whole, const std::string& path,
                      const nn::AdaptableLayer* layer) {
  const bool head = whole != nullptr ? whole->in_head(path)
                                     : path == "classifier" || path.ends_with(".classifier");
  return layer != nullptr && layer->kind() == nn::AdaptableLayer::Kind::linear && !head;
}

bool layers_are_filtered(const TargetRules& rules) {
  return rules.target_modules.kind() == ModuleNames::Kind::list &&
         !rules.layers_to_transform.empty();
}

// One line for each field with entries that match nothing. paths: of all modules.
void warn_of_unmatched(TargetSelection& selection, const TargetRules& rules, const Paths& paths) {
  const auto warn = [&](const char* field, const std::string& entry, const char* what) {
    selection.warnings.push_back(str(field, ' ', entry, " matches no ", what));
  };
  const auto any = [](const Paths& in, auto&& rule) { return std::ranges::any_of(in, rule); };
  if (rules.target_modules.kind() == ModuleNames::Kind::list) {
    for (const std::string& name : rules.target_modules.names())
      if (!any(paths, [&](const std::string& path) { return names_path(name, path); }))
        warn("target_modules", name, "module");
  }
  if (const ModuleNames& exclude = rules.exclude_modules; exclude.given()) {
    const auto excluded_by = [&](const ModuleNames& names) {
      return any(paths, [&](const std::string& path) {
        return is_excluded({.exclude_modules = names}, path);
      });
    };
    if (!excluded_by(exclude)) {
      warn("exclude_modules", described(exclude), "module");
    } else if (exclude.kind() == ModuleNames::Kind::list) {
      for (const std::string& name : exclude.names())
        if (!excluded_by(std::vector{name})) warn("exclude_modules", name, "module");
    }
  }
  for (const std::string& name : rules.modules_to_save) {
    // PEFT itself adds "score", another name of a classification head.
    if (name == "score" && rules.task_type == "SEQ_CLS") continue;
    if (!any(selection.saved,
             [&](const std::string& path) { return match_saved(name, path) != Match::no; }))
      warn("modules_to_save", name, "module");
  }
  if (!layers_are_filtered(rules)) return;
  for (const int64_t index : rules.layers_to_transform)
    if (!any(selection.adapted,
             [&](const std::string& path) { return is_in_layer(rules, index, path); }))
      warn("layers_to_transform", std::to_string(index), "layer with these modules");
  for (const std::string& pattern : rules.layers_pattern)
    if (!any(selection.adapted, [&](const std::string& path) { return has_layer(pattern, path); }))
      warn("layers_pattern", pattern, "list of layers");
}

// Why the layer filter leaves nothing of the modules that target_modules name.
[[noreturn]] void fail_of_filter(const TargetRules& rules, const std::vector<NamedLayer>& named) {
  const auto numbered =
      std::ranges::find_if(named, [](const NamedLayer& layer) { return layer.index.has_value(); });
  std::vector<std::string> numbers;
  for (const int64_t index : rules.layers_to_transform) numbers.push_back(std::to_string(index));
  if (numbered != named.end())
    throw ArgumentError(str("layers_to_transform: none of the layers {", nn::listed(numbers),
                            "} has a module of target_modules, such as ", numbered->name));
  const std::string& name = named.front().name;
  const std::vector<nn::LayerPlace> places = nn::layer_places(name);
  check(!places.empty(), "layers_to_transform: ", name, " lies in no list of layers");
  const std::string list = places[0].list.substr(places[0].list.rfind('.') + 1);
  check(!rules.layers_pattern.empty(), "layers_to_transform: ", name,
        " lies in a list at the top of the model, which layers_pattern must name: {", list, '}');
  throw ArgumentError(str("layers_pattern: {", nn::listed(rules.layers_pattern),
                          "} is no list of layers in the paths of the modules, such as ", name,
                          ", where it is {", list, '}'));
}

// Why nothing is adapted: the layer filter, if the modules' names would match without it.
void check_any(const TargetSelection& selection, const TargetRules& rules, const Paths& adaptable) {
  if (!selection.adapted.empty()) return;
  if (layers_are_filtered(rules)) {
    std::vector<NamedLayer> named;
    for (const std::string& path : adaptable)
      if (const auto layer = named_layer(rules, path)) named.push_back(*layer);
    if (!named.empty()) fail_of_filter(rules, named);
  }
  throw ArgumentError(
      str("target_modules: ", described(rules.target_modules),
          " matches no module that can be adapted; there are: ", existing_names(adaptable)));
}

// Transformers 5 has the same module one module further in (DINOv3) or out (CLIP): target_modules
// that end with its name fit both, and 5 is taken: it hardly had the model before, or has it now.
bool only_nested_in_transformers5(const std::string& path) {
  const std::string other = nn::transformers5_name(path);
  const auto ends_with = [](const std::string& a, const std::string& b) {
    return a.size() > b.size() && a.ends_with(b);
  };
  return ends_with(other, path) || ends_with(path, other);
}

}  // namespace

TargetSelection select_targets(nn::Module& model, const TargetRules& rules) {
  check(rules.target_modules.given(),
        "target_modules: not given; name the layers to adapt, or \"all-linear\"");
  TargetSelection selection;
  Paths all, adaptable;
  const bool all_linear = is_all_linear(rules.target_modules);
  if (rules.target_modules.kind() == ModuleNames::Kind::pattern &&
      !rules.layers_to_transform.empty()) {
    selection.warnings.push_back(
        all_linear
            ? "layers_to_transform is ignored because target_modules is \"all-linear\""
            : "layers_to_transform is ignored because target_modules is a regular expression");
  }
  auto* const whole = dynamic_cast<nn::PretrainedModel*>(&model);
  nn::for_each_module(model, [&](const std::string& path, nn::Module& module) {
    if (path.empty() || path.find(".adapters.") != std::string::npos) return;
    all.push_back(path);
    auto* layer = dynamic_cast<nn::AdaptableLayer*>(&module);
    // exclude_modules speaks of adapters only.
    const std::string refusal = whole != nullptr ? whole->refuses_adapter(path) : "";
    if (is_saved_by_any(rules, path, selection.transformers5_names)) {
      check(refusal.empty(), "modules_to_save: ", path, ": ", refusal);
      const auto inside = [&](const std::string& outer) { return path.starts_with(outer + '.'); };
      if (std::ranges::none_of(selection.saved, inside)) selection.saved.push_back(path);
      return;
    }
    if (is_saved(rules, path)) return;
    if (layer != nullptr) adaptable.push_back(path);
    if (is_excluded(rules, path)) return;
    if (all_linear) {
      if (!is_of_all_linear(whole, path, layer)) return;
      selection.adapted.push_back(path);
      selection.transformers5_names |= only_nested_in_transformers5(path);
      return;
    }
    const Match match = match_target(rules, path);
    if (match == Match::no) return;
    if (match == Match::half) {
      const auto halves = nn::halves_of(path).value();
      throw ArgumentError(str("target_modules: names one half of ", path,
                              ", which Transformers 5 splits into ", halves[0], " and ", halves[1],
                              "; here it is one layer, which cannot be adapted by halves"));
    }
    check(layer != nullptr, "target_modules: ", path, " is a ", module.describe(),
          ", which cannot be adapted; Linear, Conv1D, Conv2d and Embedding can");
    check(refusal.empty(), "target_modules: ", path, ": ", refusal);
    selection.adapted.push_back(path);
    if (match == Match::by_transformers5_name || only_nested_in_transformers5(path))
      selection.transformers5_names = true;
  });
  check_any(selection, rules, adaptable);
  warn_of_unmatched(selection, rules, all);
  return selection;
}

std::vector<TrainedInFull> trained_in_full(nn::Module& model, const TargetSelection& targets,
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
  std::vector<TrainedInFull> result;
  for (const auto& [name, tensor] : nn::named_parameters(model)) {
    if (name.find(".adapters.") != std::string::npos) continue;
    if (is_saved(name) || trains_bias(name)) result.push_back({name, tensor});
  }
  nn::for_each_module(model, [&](const std::string& path, nn::Module& module) {
    auto* const layer = dynamic_cast<nn::AdaptableLayer*>(&module);
    const std::string name = path + ".weight";
    if (layer != nullptr && layer->quantized && is_saved(name))
      result.push_back({name, &layer->weight, layer});
  });
  return result;
}

}  // namespace papilio::boft
