#include "samples/papilio/run/run_files.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>

#include "nn/diffusion/pipeline.h"
#include "nn/text/tokenizer_files.h"
#include "nn/train/checkpoints.h"
#include "samples/papilio/options/settings_file.h"
#include "samples/papilio/run/folder_kind.h"
#include "tensor/error.h"
#include "tensor/text.h"

namespace papilio::cli {

namespace fs = std::filesystem;

namespace {

constexpr const char* kModelFiles[] = {"config.json",
                                       "adapter_config.json",
                                       "model_index.json",
                                       "model.safetensors",
                                       "model.safetensors.index.json",
                                       "adapter_model.safetensors",
                                       "adapter_model.compact.safetensors",
                                       "id2label.json",
                                       "preprocessor_config.json",
                                       "processor_config.json"};
// Folders of a pipeline, or of adapters for its parts: all their files belong to the result.
constexpr const char* kModelFolders[] = {
    "unet",      "vae",        "text_encoder",   "tokenizer",
    "scheduler", "controlnet", "safety_checker", "feature_extractor"};
constexpr const char* kFigures[] = {kResults, "report.html", kResultSettings};
constexpr const char *kLogs[] = {"log.csv", "steps.csv"}, *kTensorboard = "tensorboard",
                     *kCheckpoints = "checkpoints";

void add_file(Paths& files, const fs::path& path) {
  std::error_code ignored;
  const fs::file_status status = fs::symlink_status(path, ignored);
  if (fs::exists(status) && !fs::is_directory(status)) files.push_back(path);
}

// Files of a folder, which may be missing, by the beginning of their names.
Paths beginning_with(const fs::path& folder, const std::string& begin) {
  Paths files;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().filename().string().starts_with(begin)) files.push_back(it->path());
  }
  return files;
}

// A language model's tokenizer; without a model it is not a run's, which may be about to read it.
Paths tokenizer_files(const fs::path& out) {
  Paths files;
  if (!is_model_folder(out)) return files;
  for (const std::string& name : nn::tokenizer_file_names()) add_file(files, out / name);
  return files;
}

// The folders of a pipeline that there are; none of something else.
Paths model_folders(const fs::path& out) {
  Paths folders;
  if (!nn::is_pipeline_folder(out) && !is_pipeline_adapter_folder(out)) return folders;
  for (const char* name : kModelFolders) {
    std::error_code ignored;
    if (fs::is_directory(out / name, ignored)) folders.push_back(out / name);
  }
  return folders;
}

bool is_count(std::string_view text) {
  return !text.empty() && text.size() <= 18 &&
         std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c) != 0; });
}

// Whether a file's name inside the run's folder is unet/NAME/adapter_..., or that of what a process
// that was killed left of it; `step`: unet/200/NAME/adapter_...
bool of_named_adapter(const fs::path& name, bool step) {
  const std::vector<fs::path> parts(name.begin(), name.end());
  if (parts.size() != (step ? 4 : 3) || (parts[0] != "unet" && parts[0] != "text_encoder"))
    return false;
  if (step && !is_count(parts[1].string())) return false;
  for (const std::string file : {"adapter_config.json", "adapter_model.safetensors"})
    if (parts.back() == file || parts.back() == '.' + file + ".tmp") return true;
  return false;
}
bool of_step(const fs::path& name) {
  return of_named_adapter(name, true);
}

Paths named_adapter_files(const fs::path& out, bool step) {
  Paths files;
  for (const char* part : {"unet", "text_encoder"}) {
    std::error_code ignored;
    if (!fs::is_directory(out / part, ignored)) continue;
    for (const fs::path& file : files_in(out / part))
      if (of_named_adapter(file.lexically_relative(out), step)) add_file(files, file);
  }
  return files;
}

// "step-00000100-0.png".
bool is_validation_picture(const fs::path& file) {
  const std::string name = file.stem().string();
  const size_t step = name.find('-') + 1, last = name.rfind('-');
  return file.extension() == ".png" && name.starts_with("step-") && step < last &&
         is_count(name.substr(step, last - step)) && is_count(name.substr(last + 1));
}

}  // namespace

Paths validation_pictures(const fs::path& out) {
  Paths files = beginning_with(out / kValidationFolder, "step-");
  std::erase_if(files, [](const fs::path& file) { return !is_validation_picture(file); });
  // "step-00000100-10.png" behind "step-00000100-9.png".
  std::ranges::sort(files, [](const fs::path& a, const fs::path& b) {
    const std::string x = a.filename().string(), y = b.filename().string();
    const auto step = [](const std::string& name) { return name.substr(0, name.rfind('-')); };
    return std::tuple(step(x), x.size(), x) < std::tuple(step(y), y.size(), y);
  });
  return files;
}

Paths step_adapters(const fs::path& out) {
  return named_adapter_files(out, true);
}

Paths named_adapters(const fs::path& out) {
  return model_folders(out).empty() ? named_adapter_files(out, false) : Paths();
}

Paths files_in(const fs::path& folder) {
  Paths files;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    if (!fs::is_directory(it->symlink_status())) files.push_back(it->path());
  }
  check<FileError>(!error, folder.string(), ": cannot be read: ", error.message());
  return files;
}

Paths result_files(const fs::path& out) {
  Paths files;
  for (const char* name : kModelFiles) add_file(files, out / name);
  for (const fs::path& file : tokenizer_files(out)) files.push_back(file);
  for (const char* name : kFigures) add_file(files, out / name);
  for (const fs::path& shard : beginning_with(out, "model-0")) add_file(files, shard);
  for (const fs::path& folder : model_folders(out))
    for (const fs::path& file : files_in(folder))
      if (!of_step(file.lexically_relative(out))) add_file(files, file);
  return files;
}

Paths run_files(const fs::path& out) {
  Paths files;
  for (const char* name : kLogs) add_file(files, out / name);
  add_file(files, out / kRunSettings);
  for (const fs::path& events : beginning_with(out / kTensorboard, "events.out.tfevents."))
    add_file(files, events);
  const nn::Checkpoints checkpoints(out / kCheckpoints);
  for (const fs::path& file : checkpoints.files()) add_file(files, file);
  add_file(files, checkpoints.best());
  for (const fs::path& picture : validation_pictures(out)) add_file(files, picture);
  for (const fs::path& half : beginning_with(out / kValidationFolder, ".step-"))
    add_file(files, half);
  for (const fs::path& file : step_adapters(out)) add_file(files, file);
  for (const fs::path& file : named_adapters(out)) add_file(files, file);
  return files;
}

Paths all_files(const fs::path& out) {
  Paths files = result_files(out), more = run_files(out);
  files.insert(files.end(), more.begin(), more.end());
  return files;
}

std::vector<std::string> file_names() {
  std::vector<std::string> names(std::begin(kModelFiles), std::end(kModelFiles));
  for (const std::string& name : nn::tokenizer_file_names()) names.push_back(name);
  names.insert(names.end(), std::begin(kFigures), std::end(kFigures));
  names.insert(names.end(), std::begin(kLogs), std::end(kLogs));
  names.emplace_back(kRunSettings);
  return names;
}

std::string written_in(const fs::path& out) {
  std::set<std::string> there;  // "config.json", "unet/"
  for (const fs::path& file : all_files(out)) {
    const fs::path name = file.lexically_relative(out);
    there.insert(name.begin()->string() + (name.has_parent_path() ? "/" : ""));
  }
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (there.contains(name) && !name.starts_with('.')) names.push_back(name);
  };
  for (const char* name : kModelFiles) add(name);
  for (const std::string& name : nn::tokenizer_file_names()) add(name);
  for (const char* name : kModelFolders) add(std::string(name) + '/');
  for (const char* name : kFigures) add(name);
  for (const char* name : kLogs) add(name);
  for (const char* name : {kTensorboard, kValidationFolder, kCheckpoints})
    add(std::string(name) + '/');
  add(kRunSettings);
  return joined(names, ", ");
}

}  // namespace papilio::cli
