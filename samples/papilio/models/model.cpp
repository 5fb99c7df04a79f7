#include "samples/papilio/models/model.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>
#include <variant>

#include "autograd/anomaly.h"
#include "boft/files/adapter_folder.h"
#include "boft/files/checkpoint.h"
#include "boft/model/detail/target_match.h"
#include "boft/model/targets.h"
#include "nn/models/pretrained.h"
#include "samples/papilio/data/known_split.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/keys.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/run/folder_kind.h"
#include "samples/papilio/run/old_result.h"
#include "samples/papilio/run/run_folder.h"
#include "tensor/files/atomic_file.h"
#include "tensor/files/detail/as_file_error.h"
#include "tensor/files/detail/json.h"
#include "tensor/files/detail/regular_file.h"

namespace papilio::cli {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr const char* kClassNames = "id2label.json";

// Outputs of the classifier that an adapter brings, or 0. One in the file that modules_to_save does
// not name is no part of the adapter.
int64_t saved_head_size(const fs::path& adapter, const std::string& head) {
  const boft::AdapterFolder read = boft::read_adapter_folder(adapter);
  const bool saved = std::visit(
      [&](const auto& c) { return boft::is_saved({.modules_to_save = c.modules_to_save}, head); },
      read.config);
  if (!saved) return 0;
  const auto found = read.tensors.find(std::string(boft::kKeyPrefix) + head + ".weight");
  return found == read.tensors.end() || found->second.dim() != 2 ? 0 : found->second.size(0);
}

std::vector<std::string> numbered(int64_t count) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

}  // namespace

void warn_of_non_finite(nn::Module& model, const fs::path& from,
                        std::vector<std::string>& warnings) {
  for (const nn::NamedTensor& parameter : nn::named_parameters(model)) {
    if (all_finite(*parameter.tensor)) continue;
    warnings.push_back(from.string() + ": " + parameter.name +
                       " holds numbers that are not finite");
    return;
  }
}

void add_adapter(Options& options, std::string& adapter, bool& ignore_unused) {
  options.add("adapter", &adapter, "DIR", "adapter folder to put on the model");
  add_ignore_unused(options, ignore_unused);
}

void add_ignore_unused(Options& options, bool& ignore_unused) {
  options.flag("ignore-unused", ignore_unused,
               "go on if the adapter's file holds weights that nothing in the model takes");
}

void add_image_size(Options& options, int64_t& image_size) {
  options
      .add(kImageSizeKey, &image_size, "N",
           "pixels of the images' side: positions are resized for them as Transformers (or timm) "
           "does it, and what the processor cuts off keeps its share")
      .range(0, 16384)
      .default_is("the model's own, or what its adapter was trained with");
}

void set_image_size(LoadedModel& loaded, int64_t image_size) {
  if (image_size == 0) return;
  const int64_t patch = loaded.model->shape().patch_size;
  check<UsageError>(image_size % patch == 0, "--image-size: expected a multiple of the model's ",
                    patch, "x", patch, " patches, got ", image_size);
  loaded.model->set_image_size(image_size);
  loaded.image_size = image_size;
}

namespace {

LoadedModel load_base(const fs::path& folder) {
  check_model_folder(folder);
  nn::PretrainedClassifier loaded =
      as_file_error(folder.string(), [&] { return nn::from_pretrained(folder); });
  const int64_t count = loaded.model->shape().num_labels;
  if (loaded.class_names.empty()) loaded.class_names = numbered(count);
  check<FileError>(int64_t(loaded.class_names.size()) == count, folder.string(),
                   ": config.json names ", loaded.class_names.size(), " classes for ", count,
                   " outputs");
  LoadedModel result{{std::move(loaded.model), nullptr, std::move(loaded.warnings)},
                     std::move(loaded.class_names)};
  warn_of_old_result(folder, result.warnings);
  warn_of_non_finite(*result.model, folder, result.warnings);
  return result;
}

void check_adapter_folder(const fs::path& adapter) {
  check_not_half_replaced(adapter);
  boft::check_adapter_folder(adapter);
  check_folder(adapter);
  check<FileError>(is_adapter_folder(adapter), adapter.string(),
                   ": holds no adapter (adapter_config.json and adapter_model.safetensors)");
}

}  // namespace

std::unique_ptr<boft::AdapterModel> put_adapter(nn::Module& model, const fs::path& adapter,
                                                bool ignore_unused,
                                                std::vector<std::string>& warnings) {
  check_adapter_folder(adapter);
  auto adapters = std::make_unique<boft::AdapterModel>(model);
  const auto unused = ignore_unused ? boft::Unused::ignore : boft::Unused::refuse;
  try {
    for (const std::string& warning : as_file_error(adapter.string(), [&] {
           return boft::load_adapter(*adapters, adapter, "default", unused);
         })) {
      warnings.push_back(warning);
    }
  } catch (const boft::UnusedWeights& e) {
    throw FileError(str(e.what(), "; --ignore-unused goes on without them"));
  }
  warn_of_old_result(adapter, warnings);
  warn_of_non_finite(model, adapter, warnings);
  return adapters;
}

boft::AdapterFolder read_adapter(const fs::path& adapter) {
  boft::AdapterFolder read = boft::read_adapter_folder(adapter);
  warn_of_old_result(adapter, read.warnings);
  return read;
}

LoadedModel load_model(const fs::path& folder, const LoadOptions& options) {
  const auto& [adapter, ignore_unused, image_size] = options;
  LoadedModel loaded = load_base(folder);
  if (adapter.empty()) {
    set_image_size(loaded, image_size);
    return loaded;
  }
  check_adapter_folder(adapter);
  set_image_size(loaded, image_size > 0 ? image_size : trained_image_size(adapter.string()));
  if (const int64_t size = saved_head_size(adapter, loaded.model->heads()[0].path); size > 0) {
    const std::vector<std::string> names = read_class_names(adapter);
    check<FileError>(names.empty() || int64_t(names.size()) == size,
                     (adapter / kClassNames).string(), ": names ", names.size(), " classes for ",
                     size, " outputs");
    const bool fits = size == loaded.model->shape().num_labels;
    if (names.empty()) {
      loaded.warnings.push_back(adapter.string() + ": brings a classifier and no " + kClassNames +
                                ": its classes go by " +
                                (fits ? "the model's names, which may be wrong" : "their numbers"));
    }
    if (!names.empty() || !fits) replace_head(loaded, names.empty() ? numbered(size) : names);
  }
  loaded.adapters = put_adapter(*loaded.model, adapter, ignore_unused, loaded.warnings);
  return loaded;
}

void replace_head(LoadedModel& loaded, std::vector<std::string> class_names) {
  loaded.model->reset_classifier(int64_t(class_names.size()));
  loaded.model->other_config.erase("problem_type");  // the new head tells classes apart
  loaded.class_names = std::move(class_names);
}

void take_classifier(LoadedModel& loaded, const fs::path& folder) {
  LoadedModel other = load_model(folder);
  const auto inputs = [](LoadedModel& l) { return l.model->classifier.in_features(); };
  check<UsageError>(inputs(other) == inputs(loaded), folder.string(), ": its classifier takes ",
                    inputs(other), " features, the model has ", inputs(loaded));
  replace_head(loaded, other.class_names);
  const std::vector<nn::ImageClassifier::Head> mine = loaded.model->heads(),
                                               theirs = other.model->heads();
  check<UsageError>(mine.size() == theirs.size(), folder.string(), ": has ", theirs.size(),
                    " classifiers, the model ", mine.size());
  for (size_t i = 0; i < mine.size(); ++i)
    nn::load_state_dict(*mine[i].layer, nn::state_dict(*theirs[i].layer));
}

void save_class_names(const fs::path& folder, const std::vector<std::string>& class_names) {
  json names = json::object();
  for (size_t i = 0; i < class_names.size(); ++i) names[std::to_string(i)] = class_names[i];
  write_file_atomically(folder / kClassNames, names.dump(2) + '\n');
}

std::vector<std::string> read_class_names(const fs::path& folder) {
  if (!file_exists(folder / kClassNames)) return {};
  const fs::path path = folder / kClassNames;
  const json document = read_json(path);
  check<FileError>(document.is_object(), path.string(), ": expected names by number");
  std::vector<std::string> names;
  for (size_t i = 0; i < document.size(); ++i) {
    const auto found = document.find(std::to_string(i));
    check<FileError>(found != document.end() && found->is_string(), path.string(),
                     ": expected names for 0, 1, 2, ...");
    names.push_back(found->get<std::string>());
    check<FileError>(std::ranges::count(names, names.back()) == 1, path.string(),
                     ": names the class ", names.back(), " twice");
  }
  return names;
}

}  // namespace papilio::cli
