#include "nn/models/detail/load_weights.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string_view>
#include <utility>

#include "nn/adapter.h"
#include "nn/detail/quant_state.h"
#include "nn/detail/text_table.h"
#include "nn/models/detail/checkpoint_weights.h"
#include "nn/models/detail/transformers_names.h"
#include "tensor/error.h"
#include "tensor/files/detail/as_file_error.h"
#include "tensor/files/safetensors.h"

namespace papilio::nn {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kWrappers[] = {"module.", "base_model.model."};

// What wrappers have put before every name, torch.compile's aside: "module.".
std::string wrapping(const std::map<std::string, Tensor>& tensors) {
  if (tensors.empty()) return "";
  std::string prefix;
  for (bool found = true; found;) {
    found = false;
    for (const std::string_view wrapper : kWrappers) {
      const std::string longer = prefix + std::string(wrapper);
      found = std::ranges::all_of(
          tensors, [&](const auto& t) { return uncompiled_name(t.first).starts_with(longer); });
      if (!found) continue;
      prefix = longer;
      break;
    }
  }
  return prefix;
}

struct Naming {
  PretrainedModel& model;
  std::string wrapped, backbone;  // before every name, before the backbone's

  // The name that the model has for a tensor of the file.
  std::string operator()(std::string name) const {
    name = uncompiled_name(std::move(name));
    if (name.starts_with(wrapped)) name.erase(0, wrapped.size());
    const bool whole = name.starts_with(backbone) || model.in_head(name);
    return checkpoint_name(whole ? name : backbone + name);
  }
};

// Puts the codes among the tensors into the layers that they are for. Returns these layers' paths.
std::vector<std::string> take_quantized(PretrainedModel& model, StateDict& tensors,
                                        const CodesSource& source) {
  std::vector<std::string> paths;
  for_each_module(model, [&](const std::string& path, Module& module) {
    if (!has_codes(tensors, path)) return;
    AdaptableLayer* const layer = linear_layer(module);
    if (layer == nullptr)
      throw FileError(str(source.place(path + ".weight"),
                          ": is quantised, which is read of linear layers, not of ",
                          module.describe()));
    layer->set_quantized(
        take_codes(tensors, path, layer->adapted_outputs(), layer->adapted_inputs(), source));
    paths.push_back(path);
  });
  return paths;
}

// Reads codes of the folder; the tensors' names in its files go by the model's.
CodesSource codes_in(const fs::path& folder, const std::map<std::string, std::string>& file_name,
                     const WeightsFile& file) {
  const auto named = [&file_name](const std::string& name) {
    const auto found = file_name.find(name);
    return found == file_name.end() ? name : found->second;
  };
  return {.bytes =
              [=](const std::string& name) {
                return SafetensorsReader(checkpoint_file_of(folder, named(name), file))
                    .bytes(named(name));
              },
          .place =
              [=](const std::string& name) {
                return checkpoint_file_of(folder, named(name), file).string() + ": " + named(name);
              }};
}

bool is_code_of(const std::string& name, const std::vector<std::string>& paths) {
  return std::ranges::any_of(paths,
                             [&](const std::string& path) { return is_code_name(name, path); });
}

}  // namespace

std::vector<std::string> load_weights(PretrainedModel& model, const fs::path& folder,
                                      const std::string& variant) {
  std::vector<std::string> warnings;
  std::map<std::string, std::string> file_name;    // by the model's
  std::map<std::string, std::string> unsupported;  // the dtype, by the file's
  const WeightsFile file{model.weights_name(), variant};
  const std::map<std::string, Tensor> read = read_checkpoint_weights(folder, unsupported, file);
  const Naming model_name{model, wrapping(read), model.backbone_prefix()};
  StateDict tensors;
  for (const auto& [name, tensor] : read) {
    const std::string mine = model_name(name);
    check<FileError>(tensors.emplace(mine, tensor).second, folder.string(), ": the weights name ",
                     mine, " twice, also as ", name);
    file_name[mine] = name;
  }
  for (const auto& [name, dtype] : unsupported) file_name[model_name(name)] = name;
  LoadResult result;
  std::vector<std::string> quantized;
  as_file_error(folder.string(), [&] {
    quantized = take_quantized(model, tensors, codes_in(folder, file_name, file));
    model.before_loading(tensors);
    result = load_state_dict(model, tensors, false);
  });
  if (quantized.empty() && model.other_config.contains("quantization_config"))
    warnings.push_back((folder / "config.json").string() +
                       ": quantization_config: the weights are no codes, and stay as they are");
  std::vector<std::string> missing = result.missing, unexpected;
  std::erase_if(missing, [&](const std::string& name) { return is_code_of(name, quantized); });
  std::erase_if(unsupported,
                [&](const auto& named) { return is_code_of(model_name(named.first), quantized); });
  for (const auto& [name, dtype] : unsupported) {
    check<FileError>(std::ranges::find(missing, model_name(name)) == missing.end(), folder.string(),
                     ": the weights' ", name, " has the dtype ", dtype, ", which is not supported",
                     dtype == "I8" ? " without SCB, the scales of its rows" : "");
    unexpected.push_back(name + " (" + dtype + ')');
  }
  const auto of_head = [&](const std::string& name) { return model.in_head(name); };
  if (std::ranges::any_of(missing, of_head)) {
    const std::string warning = model.make_new_head();
    if (!warning.empty()) {
      std::erase_if(missing, of_head);
      warnings.push_back(folder.string() + ": " + warning);
    }
  }
  const bool adapted = std::ranges::any_of(read, [](const auto& named) {
    return named.first.find(".base_layer.") != std::string::npos;
  });
  check<FileError>(missing.empty() || !adapted, folder.string(),
                   ": the weights are of a model that still carries PEFT's adapters (base_layer): "
                   "merge them there (merge_and_unload) and save the model, or save the adapter");
  check<FileError>(missing.empty(), folder.string(), ": the weights lack ", listed(missing, 8));
  for (const std::string& name : result.unexpected)
    unexpected.push_back(file_name.contains(name) ? file_name[name] : name);
  if (!unexpected.empty())
    warnings.push_back(folder.string() + ": weights that are not used: " + listed(unexpected, 8));
  return warnings;
}

}  // namespace papilio::nn
