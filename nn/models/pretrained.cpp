#include "nn/models/pretrained.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "autograd/ops/quantized_linear.h"
#include "nn/adapter.h"
#include "nn/detail/text_table.h"
#include "nn/init.h"
#include "nn/models/detail/folder_config.h"
#include "nn/models/detail/load_weights.h"
#include "nn/models/detail/model_table.h"
#include "nn/models/detail/without_adapters.h"
#include "nn/models/quantized_model.h"
#include "tensor/files/atomic_file.h"
#include "tensor/files/detail/as_file_error.h"
#include "tensor/files/detail/json.h"
#include "tensor/files/safetensors.h"

namespace papilio::nn {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

// If outputs share a name, label2id says which one it means; the others get names of their own.
void settle_duplicates(std::vector<std::string>& names, JsonFields& fields,
                       std::vector<std::string>& warnings, const std::string& where) {
  const json& label2id = fields.value("label2id");
  std::map<std::string, std::vector<size_t>> outputs;
  for (size_t i = 0; i < names.size(); ++i) outputs[names[i]].push_back(i);
  for (const auto& [name, places] : outputs) {
    if (places.size() == 1) continue;
    size_t meant = places.front();
    const auto said = label2id.is_object() ? label2id.find(name) : label2id.end();
    const bool says = said != label2id.end() && said->is_number_integer() &&
                      std::ranges::count(places, said->get<size_t>()) > 0;
    if (says) meant = said->get<size_t>();
    std::vector<std::string> others;
    for (const size_t place : places) {
      if (place == meant) continue;
      names[place] = str(name, " (output ", place, ')');
      others.push_back(std::to_string(place));
    }
    warnings.push_back(str(where, ": id2label gives ", places.size(), " outputs the name ", name,
                           says ? str("; label2id says that output ", meant, " is meant")
                                : str("; the first, ", meant, ", is taken for it"),
                           ", and ", listed(others, 8), " go by \"", name, " (output N)\""));
  }
}

// id2label names the outputs, as in Transformers; label2id that says otherwise is told.
void compare_label2id(const std::vector<std::string>& names, JsonFields& fields,
                      std::vector<std::string>& warnings, const std::string& where) {
  const json& label2id = fields.value("label2id");
  if (!label2id.is_object() || label2id.empty()) return;
  if (fields.value("id2label").is_null()) {
    warnings.push_back(where + ": has label2id and no id2label: outputs go by their numbers");
    return;
  }
  for (const auto& [name, output] : label2id.items()) {
    const auto found = std::ranges::find(names, name);
    const bool differs = found != names.end() && output.is_number_integer() &&
                         output != size_t(found - names.begin());
    if (!differs || std::ranges::count(names, name) > 1) continue;
    warnings.push_back(str(where, ": label2id says that ", name, " is output ", output.dump(),
                           ", id2label that it is ", found - names.begin(), "; id2label is taken"));
    return;
  }
}

// The model that the fields describe, which is of this kind.
template <class Model>
std::unique_ptr<Model> make_model(JsonFields& fields, const ModelType& type, const char* kind) {
  const auto* make = std::get_if<MakeModel<Model>>(&type.make);
  if (make == nullptr) fields.fail("model_type", kind);
  // Sizes may not go together, or be beyond all memory.
  return as_file_error<Error>(fields.where(), [&] { return (*make)(fields); });
}

// What `from_config` makes of the folder, with the folder's weights.
template <class Pretrained>
Pretrained with_weights(const fs::path& folder, Pretrained (*from_config)(const fs::path&)) {
  Pretrained result;
  {
    const SkipInit skip;
    result = from_config(folder / "config.json");
  }
  for (std::string& warning : load_weights(*result.model, folder))
    result.warnings.push_back(std::move(warning));
  return result;
}

// Codes of int8, which have no dtype of their own.
std::set<std::string> signed_bytes_of(Module& model) {
  std::set<std::string> names;
  for_each_module(model, [&](const std::string& path, Module& module) {
    const auto* layer = dynamic_cast<AdaptableLayer*>(&module);
    if (layer != nullptr && layer->quantized && layer->quantized.kind == Quantization::int8)
      names.insert(path + ".weight");
  });
  return names;
}

bool is_of_adapter(const std::string& name) {
  return name.find(".adapters.") != std::string::npos;
}

enum class Carried { refuse, leave_out };

// `more`: what config.json says besides. carried: what becomes of adapters.
void write_folder(PretrainedModel& model, const ConfigFields& more, const fs::path& folder,
                  Carried carried) {
  std::vector<NamedTensor> parameters = named_parameters(model);
  const auto left_out =
      std::erase_if(parameters, [](const NamedTensor& p) { return is_of_adapter(p.name); });
  check(left_out == 0 || carried == Carried::leave_out,
        "save_pretrained: the model carries adapters; save them as an adapter, or "
        "merge_and_unload first");
  StateDict weights = state_dict(model);
  std::erase_if(weights, [](const auto& named) { return is_of_adapter(named.first); });
  set_quantization_config(model);
  json document = json::object();
  for (const ConfigFields& fields : {model.other_config, model.config_fields(), more})
    for (const auto& [key, text] : fields) document[key] = parse_json(text, key);
  for (const char* key : {"dtype", "torch_dtype"}) {
    if (document.contains(key) && !parameters.empty())
      document[key] = str(parameters.back().tensor->dtype());
  }
  std::error_code error;
  fs::create_directories(folder, error);
  check<FileError>(!error, "save_pretrained: cannot make the folder ", folder.string(), ": ",
                   error.message());
  save_safetensors(folder / (model.weights_name() + ".safetensors"), weights, {{"format", "pt"}},
                   signed_bytes_of(model));
  write_file_atomically(folder / "config.json", document.dump(2) + '\n');
}

void write_classifier(ImageClassifier& model, const std::vector<std::string>& class_names,
                      const fs::path& folder, Carried carried) {
  const int64_t count = model.classifier.out_features();
  check(int64_t(class_names.size()) == count, "save_pretrained: expected ", count,
        " class names, got ", class_names.size());
  write_folder(model, model.label_fields(class_names), folder, carried);
}

}  // namespace

ModelKind kind_of(const fs::path& path) {
  const json document = read_json(path);
  JsonFields fields(document, path.string());
  return ModelKind(model_type_of(fields).make.index());
}

PretrainedClassifier from_config(const fs::path& path) {
  const json document = read_json(path);
  JsonFields fields(document, path.string());
  PretrainedClassifier result;
  const ModelType& type = model_type_of(fields);
  result.model = make_model<ImageClassifier>(fields, type, "that of an image classifier");
  result.class_names = type.class_names(fields, result.model->shape().num_labels, result.warnings);
  compare_label2id(result.class_names, fields, result.warnings, path.string());
  settle_duplicates(result.class_names, fields, result.warnings, path.string());
  const std::string problem = fields.string("problem_type", "");
  if (!problem.empty() && problem != "single_label_classification")
    result.warnings.push_back(path.string() + ": problem_type " + problem +
                              ": the logits are right, but trained here one class is the answer");
  keep_other_fields(*result.model, document, fields, result.warnings);
  return result;
}

PretrainedLanguageModel language_model_from_config(const fs::path& path) {
  const json document = read_json(path);
  JsonFields fields(document, path.string());
  PretrainedLanguageModel result;
  result.model =
      make_model<LanguageModel>(fields, model_type_of(fields), "that of a language model");
  keep_other_fields(*result.model, document, fields, result.warnings);
  return result;
}

std::unique_ptr<PretrainedModel> model_from_config(const fs::path& path) {
  if (kind_of(path) == ModelKind::language_model)
    return std::move(language_model_from_config(path).model);
  return std::move(from_config(path).model);
}

PretrainedClassifier from_pretrained(const fs::path& folder) {
  return with_weights(folder, from_config);
}

PretrainedLanguageModel language_model_from_pretrained(const fs::path& folder) {
  return with_weights(folder, language_model_from_config);
}

void save_pretrained(ImageClassifier& model, const std::vector<std::string>& class_names,
                     const fs::path& folder) {
  write_classifier(model, class_names, folder, Carried::refuse);
}

void save_without_adapters(ImageClassifier& model, const std::vector<std::string>& class_names,
                           const fs::path& folder) {
  write_classifier(model, class_names, folder, Carried::leave_out);
}

void save_pretrained(PretrainedModel& model, const fs::path& folder) {
  write_folder(model, {}, folder, Carried::refuse);
}

}  // namespace papilio::nn
