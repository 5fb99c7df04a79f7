#include "nn/models/pretrained.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>
#include <utility>

#include "nn/init.h"
#include "nn/models/detail/load_weights.h"
#include "nn/models/detail/model_table.h"
#include "nn/text_table.h"
#include "tensor/files/atomic_file.h"
#include "tensor/files/detail/json.h"
#include "tensor/files/safetensors.h"

namespace papilio::nn {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

// Keys that change nothing that a classifier computes.
const std::set<std::string> kSilent = {
    "architectures", "transformers_version", "dtype", "torch_dtype", "label2id", "finetuning_task",
    "output_attentions", "output_hidden_states", "return_dict", "use_cache", "name_or_path",
    // of other heads on the same backbone
    "encoder_stride", "pooler_act", "pooler_output_size", "apply_layernorm",
    "reshape_hidden_states", "stage_names", "out_features", "out_indices"};

}  // namespace

PretrainedClassifier from_config(const fs::path& path) {
  const json document = read_json(path);
  JsonFields fields(document, path.string());
  PretrainedClassifier result;
  const ModelType& type = model_type_of(fields);
  try {
    result.model = type.make(fields);
  } catch (const FileError&) {
    throw;
  } catch (const Error& e) {  // sizes that do not go together, or beyond all memory
    throw FileError(path.string() + ": " + e.what());
  }
  result.class_names = type.class_names(fields, result.model->shape().num_labels, result.warnings);
  const std::string problem = fields.string("problem_type", "");
  if (!problem.empty() && problem != "single_label_classification")
    result.warnings.push_back(path.string() + ": problem_type " + problem +
                              ": the logits are right, but trained here one class is the answer");
  std::vector<std::string> unknown;
  for (const std::string& key : fields.unread()) {
    if (!kSilent.contains(key) && !key.starts_with('_')) unknown.push_back(key);
  }
  if (!unknown.empty())
    result.warnings.push_back(path.string() + ": not known here: " + listed(unknown, 8));
  const ConfigFields own = result.model->config_fields();
  for (const auto& [key, value] : document.items()) {
    const bool labels = key == "id2label" || key == "label2id" || key == "num_labels";
    if (!own.contains(key) && !labels) result.model->other_config[key] = value.dump();
  }
  return result;
}

PretrainedClassifier from_pretrained(const fs::path& folder) {
  PretrainedClassifier result;
  {
    const SkipInit skip;
    result = from_config(folder / "config.json");
  }
  try {
    for (std::string& warning : load_weights(*result.model, folder))
      result.warnings.push_back(std::move(warning));
  } catch (const ArgumentError& e) {
    throw FileError(folder.string() + ": " + e.what());
  }
  return result;
}

void save_pretrained(ImageClassifier& model, const std::vector<std::string>& class_names,
                     const fs::path& folder) {
  for (const auto& [name, tensor] : named_parameters(model)) {
    check(name.find(".adapters.") == std::string::npos,
          "save_pretrained: the model carries adapters; save them as an adapter, or "
          "merge_and_unload first");
  }
  const int64_t count = model.classifier.out_features();
  check(int64_t(class_names.size()) == count, "save_pretrained: expected ", count,
        " class names, got ", class_names.size());
  json document = json::object();
  for (const auto& [key, text] : model.other_config) document[key] = parse_json(text, key);
  for (const auto& [key, text] : model.config_fields()) document[key] = parse_json(text, key);
  for (const char* key : {"dtype", "torch_dtype"}) {
    if (document.contains(key)) document[key] = str(model.classifier.weight.dtype());
  }
  for (const auto& [key, text] : model.label_fields(class_names))
    document[key] = parse_json(text, key);
  std::error_code error;
  fs::create_directories(folder, error);
  check<FileError>(!error, "save_pretrained: cannot make the folder ", folder.string(), ": ",
                   error.message());
  save_safetensors(folder / "model.safetensors", state_dict(model), {{"format", "pt"}});
  write_file_atomically(folder / "config.json", document.dump(2) + '\n');
}

}  // namespace papilio::nn
