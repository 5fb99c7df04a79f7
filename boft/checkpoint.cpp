#include "boft/checkpoint.h"

#include <algorithm>
#include <map>

#include "boft/config_json.h"
#include "tensor/atomic_file.h"
#include "tensor/check_name.h"
#include "tensor/copy.h"
#include "tensor/safetensors.h"

namespace papilio::boft {

namespace {

constexpr const char* kPrefix = "base_model.model.";
constexpr const char* kWeights = "adapter_model.safetensors";
constexpr const char* kConfig = "adapter_config.json";

// PEFT's key of a layer's parameter: BOFT's are parameters, those of OFT and LoRA are modules with
// a weight.
std::string parameter_key(const std::string& layer, const std::string& parameter) {
  const bool module = !parameter.starts_with("boft_");
  return kPrefix + layer + '.' + parameter + (module ? ".weight" : "");
}

// PEFT wraps adapted layers, so a trained bias of theirs lies one level deeper.
std::string own_key(const AdapterModel& model, const std::string& adapter,
                    const std::string& path) {
  for (const auto& [layer, pointer] : model.layers(adapter)) {
    if (path == layer + ".bias") return kPrefix + layer + ".base_layer.bias";
  }
  return kPrefix + path;
}

// Everything of one adapter that training changed, by PEFT's key; sharing memory.
std::map<std::string, Tensor> adapter_tensors(const AdapterModel& model, const std::string& name) {
  std::map<std::string, Tensor> tensors;
  for (const auto& [path, layer] : model.layers(name)) {
    for (const auto& [parameter, tensor] : nn::named_parameters(*layer->adapters.find(name))) {
      tensors[parameter_key(path, parameter)] = tensor->detach();
    }
  }
  for (const auto& own : model.own_tensors(name))
    tensors[own_key(model, name, own.path)] = own.copy.detach();
  return tensors;
}

std::string listed(const std::vector<std::string>& names) {
  constexpr size_t kShown = 8;
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i)
    text += (i > 0 ? ", " : "") + names[i];
  return names.size() > kShown ? str(text, " and ", names.size() - kShown, " more") : text;
}

// Why a key that PEFT would drop without a word is not used.
std::string explained(const std::string& key) {
  const bool old = key.find("boft_P") != std::string::npos;
  return old ? key +
                   " (a permutation that old releases of PEFT stored; it follows from the "
                   "configuration)"
             : key;
}

// With bias = "all" PEFT lists a saved module's biases once more, under the names its wrapper has.
bool is_repeated(const std::string& key) {
  return key.ends_with(".bias") && (key.find(".modules_to_save.") != std::string::npos ||
                                    key.find(".original_module.") != std::string::npos);
}

}  // namespace

std::filesystem::path save_adapter(const AdapterModel& model, const std::filesystem::path& folder,
                                   const std::string& name) {
  check_name("save_adapter", name);
  const std::map<std::string, Tensor> tensors = adapter_tensors(model, name);
  const std::filesystem::path to = name == "default" ? folder : folder / name;
  std::error_code error;
  std::filesystem::create_directories(to, error);
  check<FileError>(!error, "save_adapter: cannot make the folder ", to.string(), ": ",
                   error.message());
  save_safetensors(to / kWeights, tensors, {{"format", "pt"}});
  write_file_atomically(to / kConfig, config_text(model.config(name)));
  return to;
}

std::vector<std::string> load_adapter(AdapterModel& model, const std::filesystem::path& folder,
                                      const std::string& name) {
  auto [config, warnings] = read_config(folder / kConfig);
  const SafetensorsFile file = load_safetensors(folder / kWeights);
  for (const std::string& warning : model.add_adapter(name, config)) warnings.push_back(warning);
  const std::map<std::string, Tensor> mine = adapter_tensors(model, name);
  std::vector<std::string> missing, unexpected;
  try {
    for (const auto& [key, tensor] : mine) {
      const auto found = file.tensors.find(key);
      if (found == file.tensors.end()) {
        missing.push_back(key);
        continue;
      }
      check<FileError>(found->second.shape() == tensor.shape(), (folder / kWeights).string(), ": ",
                       key, " has shape ", found->second.shape(), ", the model wants ",
                       tensor.shape());
    }
    for (const auto& [key, tensor] : file.tensors) {
      if (!mine.contains(key) && !is_repeated(key)) unexpected.push_back(explained(key));
    }
    check<FileError>(mine.empty() || missing.size() < mine.size(), (folder / kWeights).string(),
                     ": holds none of the adapter's tensors; missing: ", listed(missing));
  } catch (...) {
    model.delete_adapter(name);
    throw;
  }
  for (const auto& [key, tensor] : mine) {
    if (const auto found = file.tensors.find(key); found != file.tensors.end())
      copy_(tensor, found->second);
  }
  const std::string where = (folder / kWeights).string();
  if (!missing.empty()) {
    warnings.push_back(where + ": missing, left as initialised: " + listed(missing));
  }
  if (!unexpected.empty()) warnings.push_back(where + ": not used: " + listed(unexpected));
  return warnings;
}

}  // namespace papilio::boft
