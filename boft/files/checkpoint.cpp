#include "boft/files/checkpoint.h"

#include <algorithm>
#include <set>
#include <string>
#include <variant>

#include "boft/files/adapter_folder.h"
#include "boft/files/detail/halves.h"
#include "boft/files/detail/unused_keys.h"
#include "boft/methods/adapter.h"
#include "boft/methods/fields.h"
#include "boft/methods/methods.h"
#include "boft/model/attach.h"
#include "boft/model/detail/check_adapter.h"
#include "boft/model/detail/target_match.h"
#include "boft/model/targets.h"
#include "nn/detail/text_table.h"
#include "nn/models/detail/transformers_names.h"
#include "nn/models/pretrained_model.h"
#include "tensor/copy.h"
#include "tensor/files/detail/check_name.h"

namespace papilio::boft {

namespace {

const std::string kPrefix(kKeyPrefix);

// PEFT wraps adapted layers, so a trained bias of theirs lies one level deeper.
std::string own_key(const std::vector<std::string>& adapted, const std::string& path) {
  for (const std::string& layer : adapted) {
    if (path == layer + ".bias") return kPrefix + layer + ".base_layer.bias";
  }
  return kPrefix + path;
}

// Everything of one adapter that training changed, by PEFT's key; sharing memory.
Tensors adapter_tensors(const AdapterModel& model, const std::string& name) {
  Tensors tensors;
  std::vector<std::string> adapted;
  for (const LayerRef& ref : model.layers(name)) {
    adapted.push_back(ref.path);
    for (const auto& [key, tensor] : ref.adapter->tensors())
      tensors[kPrefix + ref.path + '.' + key] = tensor;
  }
  for (const auto& own : model.own_tensors(name))
    tensors[own_key(adapted, own.path)] = own.copy.detach();
  return tensors;
}

// The same of one that is not attached yet, without memory.
Tensors planned_tensors(nn::Module& model, const AdapterConfig& config) {
  const PlannedAdapter planned = planned_adapter(model, config);
  Tensors tensors;
  for (const auto& [path, tensor] : planned.tensors) tensors[kPrefix + path] = tensor;
  for (const auto& [path, tensor] : planned.own) tensors[own_key(planned.layers, path)] = tensor;
  return tensors;
}

// The same under other module names.
template <class Rename>
Tensors renamed(const Tensors& tensors, Rename&& rename) {
  Tensors result;
  for (const auto& [key, tensor] : tensors) {
    const bool ours = key.starts_with(kPrefix);
    result[ours ? kPrefix + rename(key.substr(kPrefix.size())) : key] = tensor;
  }
  return result;
}

// A file's tensors under the names of the adapter's own: those of Transformers 4 or 5, of a
// backbone alone ("encoder.layer.0 ..." of a ViTModel), or of a user's model that sounds like them.
Tensors under_names_of(const Tensors& mine, const Tensors& tensors, const std::string& where) {
  std::set<std::string> backbones{""};  // "vit.", the first words of the model's paths
  for (const auto& [key, tensor] : mine) {
    const std::string path = key.substr(kPrefix.size());
    backbones.insert(path.substr(0, path.find('.') + 1));
  }
  const auto own_name = [&](const std::string& path) {
    if (mine.contains(kPrefix + path)) return path;
    for (const std::string& backbone : backbones) {
      std::string whole = nn::checkpoint_name(backbone + path);
      if (mine.contains(kPrefix + whole)) return whole;
      if (const auto half = nn::half_of(whole); half && mine.contains(kPrefix + half->whole))
        return whole;
    }
    return nn::checkpoint_name(path);
  };
  Tensors result = renamed(tensors, own_name);
  const bool halved = std::ranges::any_of(mine, [](const auto& entry) {
    return nn::halves_of(entry.first.substr(kPrefix.size())).has_value();
  });
  return halved ? join_halves(result, where) : result;
}

// The configuration for the whole model of an adapter that may be a backbone's alone ("layers.0
// ..." of a ViTModel): a regular expression matches from the path's beginning, so it begins with
// "vit.".
AdapterConfig for_whole_model(nn::Module& model, const AdapterFolder& read) {
  const auto* pretrained = dynamic_cast<nn::PretrainedModel*>(&model);
  const std::string backbone = pretrained == nullptr ? "" : pretrained->backbone_prefix();
  AdapterConfig config = read.config;
  const bool whole = std::ranges::any_of(read.tensors, [&](const auto& tensor) {
    return tensor.first.starts_with(kPrefix + backbone);
  });
  if (whole) return config;
  std::visit(
      [&](auto& c) {
        for (ModuleNames* names : {&c.target_modules, &c.exclude_modules}) {
          if (names->kind() == ModuleNames::Kind::pattern && !is_all_linear(*names))
            *names =
                str(backbone.substr(0, backbone.size() - 1), R"(\.(?:)", names->pattern(), ')');
        }
      },
      config);
  return config;
}

// A configuration that means the same layers by their whole names.
AdapterConfig naming_layers(const AdapterModel& model, const std::string& name,
                            bool transformers5) {
  std::vector<std::string> paths;
  for (const LayerRef& ref : model.layers(name)) {
    if (const auto halves = nn::halves_of(ref.path); transformers5 && halves)
      paths.insert(paths.end(), halves->begin(), halves->end());
    else
      paths.push_back(transformers5 ? nn::transformers5_name(ref.path) : ref.path);
  }
  AdapterConfig config = model.config(name);
  std::visit(
      [&](auto& c) {
        c.target_modules = paths;
        c.exclude_modules = {};
        c.layers_to_transform = {};
        c.layers_pattern = {};
      },
      config);
  return config;
}

// The first layer at which PEFT computes another function, and which.
std::string peft_difference(const AdapterModel& model, const std::string& name) {
  for (const LayerRef& ref : model.layers(name)) {
    const std::string difference = ref.adapter->peft_difference(*ref.layer);
    if (!difference.empty()) return ref.path + ' ' + difference;
  }
  return "";
}

// What a file holds of an adapter's tensors.
struct Found {
  Tensors tensors;  // under the adapter's names
  std::vector<std::string> missing = {};
  UnusedKeys rest = {};
};

// mine: the adapter's, of which shapes alone are read.
Found found_in(const AdapterFolder& read, const Tensors& mine, Unused unused) {
  const std::string where = read.file.string();
  Found found{.tensors = under_names_of(mine, read.tensors, where)};
  for (const auto& [key, tensor] : mine) {
    const auto theirs = found.tensors.find(key);
    if (theirs == found.tensors.end()) {
      found.missing.push_back(key);
      continue;
    }
    check<FileError>(is_floating(theirs->second.dtype()), where, ": ", key,
                     ": expected floating numbers, got ", theirs->second.dtype());
    check<FileError>(theirs->second.shape() == tensor.shape(), where, ": ", key, " has shape ",
                     theirs->second.shape(), ", the model wants ", tensor.shape());
  }
  check<FileError>(
      mine.empty() || found.missing.size() < mine.size(), where,
      ": holds none of the adapter's tensors; missing: ", nn::listed(found.missing, 8));
  found.rest = unused_keys(mine, found.tensors, read.unsupported);
  check<UnusedWeights>(
      found.rest.weights.empty() || unused == Unused::ignore, where,
      ": holds weights that nothing in the model takes: ", nn::listed(found.rest.weights, 8));
  return found;
}

}  // namespace

std::filesystem::path save_adapter(const AdapterModel& model, const std::filesystem::path& folder,
                                   const std::string& name, ModuleNaming naming) {
  check_name("save_adapter", name);
  check_adapter("save_adapter", name, model.names());
  const bool configured = model.transformers5_names(name);
  const bool transformers5 =
      naming == ModuleNaming::as_configured ? configured : naming == ModuleNaming::transformers5;
  // What PEFT means by "all-linear" depends on the task; by its layers' names it is the same there.
  const bool as_said =
      transformers5 == configured && !is_all_linear(targets_of(model.config(name)).target_modules);
  const AdapterConfig config =
      as_said ? model.config(name) : naming_layers(model, name, transformers5);
  Tensors tensors = adapter_tensors(model, name);
  if (transformers5) tensors = split_halves(renamed(tensors, nn::transformers5_name));
  std::filesystem::path to = name == "default" ? folder : folder / name;
  write_adapter_folder(to, config, tensors);
  return to;
}

std::vector<std::string> load_adapter(AdapterModel& model, const std::filesystem::path& folder,
                                      const std::string& name, Unused unused) {
  const AdapterFolder read = read_adapter_folder(folder);
  const std::string where = read.file.string();
  std::vector<std::string> warnings = read.warnings;
  const AdapterConfig config = for_whole_model(model.model(), read);
  // Sizes that are not the file's are refused before they take memory.
  const Found found = found_in(read, planned_tensors(model.model(), config), unused);
  // How a new adapter begins says nothing of one that is read.
  for (const std::string& warning : model.add_adapter(name, config))
    if (warning != start_warning(config)) warnings.push_back(warning);
  try {
    if (const std::string warning = peft_difference(model, name); !warning.empty())
      warnings.push_back(where + ": " + warning);
    for (const auto& [key, tensor] : adapter_tensors(model, name)) {
      if (const auto theirs = found.tensors.find(key); theirs != found.tensors.end())
        copy_(tensor, theirs->second);
    }
  } catch (...) {
    model.delete_adapter(name);
    throw;
  }
  if (!found.missing.empty())
    warnings.push_back(where + ": missing, left as initialised: " + nn::listed(found.missing, 8));
  for (const auto& keys : {found.rest.weights, found.rest.others})
    if (!keys.empty()) warnings.push_back(where + ": not used: " + nn::listed(keys, 8));
  return warnings;
}

}  // namespace papilio::boft
