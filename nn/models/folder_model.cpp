#include "nn/models/folder_model.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>

#include "nn/detail/text_table.h"
#include "nn/models/detail/checkpoint_weights.h"
#include "tensor/error.h"
#include "tensor/files/atomic_file.h"
#include "tensor/files/detail/json.h"
#include "tensor/files/safetensors.h"

namespace papilio::nn {

namespace fs = std::filesystem;
using nlohmann::json;

std::vector<std::string> load_folder_weights(FolderModel& model, const fs::path& folder,
                                             const std::string& variant) {
  std::map<std::string, std::string> unsupported;
  StateDict tensors = read_checkpoint_weights(folder, unsupported, {model.weights_name(), variant});
  model.before_loading(tensors);
  LoadResult result;
  try {
    result = load_state_dict(model, tensors, false);
  } catch (const ArgumentError& e) {
    throw FileError(folder.string() + ": " + e.what());
  }
  for (const std::string& name : result.missing) {
    const auto found = unsupported.find(name);
    check<FileError>(found == unsupported.end(), folder.string(), ": the weights' ", name,
                     " has the dtype ", found == unsupported.end() ? "" : found->second,
                     ", which is not supported");
  }
  check<FileError>(result.missing.empty(), folder.string(), ": the weights lack ",
                   listed(result.missing, 8));
  std::vector<std::string> unused = result.unexpected;
  for (const auto& [name, dtype] : unsupported) unused.push_back(name + " (" + dtype + ')');
  if (unused.empty()) return {};
  return {folder.string() + ": weights that are not used: " + listed(unused, 8)};
}

void save_folder_model(FolderModel& model, const fs::path& folder) {
  for (const auto& [name, tensor] : named_parameters(model)) {
    check(name.find(".adapters.") == std::string::npos,
          "save_folder_model: the model carries adapters; save them as an adapter, or "
          "merge_and_unload first");
  }
  json document = json::object();
  for (const auto& [key, text] : model.other_config) document[key] = parse_json(text, key);
  for (const auto& [key, text] : model.config_fields()) document[key] = parse_json(text, key);
  StateDict tensors = state_dict(model);
  for (const char* key : {"dtype", "torch_dtype"})
    if (document.contains(key)) document[key] = str(tensors.begin()->second.dtype());
  model.before_saving(tensors);
  std::error_code error;
  fs::create_directories(folder, error);
  check<FileError>(!error, "save_folder_model: cannot make the folder ", folder.string(), ": ",
                   error.message());
  save_safetensors(folder / (model.weights_name() + ".safetensors"), tensors, {{"format", "pt"}});
  write_file_atomically(folder / "config.json", document.dump(2) + '\n');
}

}  // namespace papilio::nn
