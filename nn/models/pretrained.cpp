#include "nn/models/pretrained.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "nn/init.h"
#include "nn/models/detail/checkpoint_weights.h"
#include "nn/models/detail/model_table.h"
#include "nn/models/transformers_names.h"
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

std::vector<std::string> read_class_names(JsonFields& fields) {
  const json& labels = fields.value("id2label");
  if (labels.is_null()) return {};
  if (!labels.is_object()) fields.fail("id2label", "an object of names by number");
  std::vector<std::string> names(labels.size());
  for (size_t i = 0; i < names.size(); ++i) {
    const auto found = labels.find(std::to_string(i));
    if (found == labels.end() || !found->is_string())
      fields.fail("id2label", "names for 0, 1, 2, ...");
    names[i] = found->get<std::string>();
  }
  return names;
}

// The name that the model has for a tensor of a file: backbones alone lack the first word.
std::string model_name(const std::string& name, const std::string& prefix) {
  const bool whole = name.starts_with(prefix) || name.starts_with("classifier.");
  return checkpoint_name(whole ? name : prefix + name);
}

void load_weights(PretrainedClassifier& loaded, const fs::path& folder) {
  ImageClassifier& model = *loaded.model;
  StateDict tensors;
  std::map<std::string, std::string> file_name;    // by the model's
  std::map<std::string, std::string> unsupported;  // the dtype, by the file's
  const std::string prefix = model.shape().model_type + '.';
  for (const auto& [name, tensor] : read_checkpoint_weights(folder, unsupported)) {
    const std::string mine = model_name(name, prefix);
    check<FileError>(tensors.emplace(mine, tensor).second, folder.string(), ": the weights name ",
                     mine, " twice, also as ", name);
    file_name[mine] = name;
  }
  model.before_loading(tensors);
  const LoadResult result = load_state_dict(model, tensors, false);
  std::vector<std::string> missing = result.missing, unexpected;
  for (const auto& [name, dtype] : unsupported) {
    check<FileError>(std::ranges::find(missing, model_name(name, prefix)) == missing.end(),
                     folder.string(), ": the weights' ", name, " has the dtype ", dtype,
                     ", which is not supported");
    unexpected.push_back(name + " (" + dtype + ')');
  }
  if (std::erase_if(missing, [](const auto& name) { return name.starts_with("classifier."); })) {
    model.reset_classifier(model.classifier.out_features());
    loaded.warnings.push_back(folder.string() +
                              ": the weights hold no classifier: it is new, and knows nothing yet");
  }
  check<FileError>(missing.empty(), folder.string(), ": the weights lack ", listed(missing, 8));
  for (const std::string& name : result.unexpected)
    unexpected.push_back(file_name.contains(name) ? file_name[name] : name);
  if (!unexpected.empty())
    loaded.warnings.push_back(folder.string() +
                              ": weights that are not used: " + listed(unexpected, 8));
}

}  // namespace

PretrainedClassifier from_config(const fs::path& path) {
  const json document = read_json(path);
  JsonFields fields(document, path.string());
  PretrainedClassifier result;
  result.class_names = read_class_names(fields);
  try {
    result.model = model_type_of(fields).make(fields);
  } catch (const FileError&) {
    throw;
  } catch (const Error& e) {  // sizes that do not go together, or beyond all memory
    throw FileError(path.string() + ": " + e.what());
  }
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
    load_weights(result, folder);
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
  json id2label = json::object(), label2id = json::object();
  for (size_t i = 0; i < class_names.size(); ++i) {
    id2label[std::to_string(i)] = class_names[i];
    label2id[class_names[i]] = i;
  }
  document["id2label"] = id2label;
  document["label2id"] = label2id;
  document["num_labels"] = count;
  std::error_code error;
  fs::create_directories(folder, error);
  check<FileError>(!error, "save_pretrained: cannot make the folder ", folder.string(), ": ",
                   error.message());
  save_safetensors(folder / "model.safetensors", state_dict(model), {{"format", "pt"}});
  write_file_atomically(folder / "config.json", document.dump(2) + '\n');
}

}  // namespace papilio::nn
