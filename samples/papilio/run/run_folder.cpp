#include "samples/papilio/run/run_folder.h"

#include <cstddef>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "nn/data/formats/detail/file.h"
#include "nn/train/checkpoints.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/run/model.h"
#include "tensor/files/atomic_file.h"

namespace papilio::cli {

namespace fs = std::filesystem;

namespace {

constexpr const char* kResultFiles[] = {"config.json",
                                        "adapter_config.json",
                                        "model.safetensors",
                                        "model.safetensors.index.json",
                                        "adapter_model.safetensors",
                                        "adapter_model.compact.safetensors",
                                        "id2label.json",
                                        "preprocessor_config.json",
                                        "report.html",
                                        kResultSettings};
constexpr const char* kRunFiles[] = {"log.csv", "steps.csv", kRunSettings};

constexpr size_t kLargestConfig = 100'000'000;
constexpr const char* kConfigs[] = {"config.json", "adapter_config.json"};

// A file; a folder of that name is none of a run's.
void must_remove(const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(fs::symlink_status(path, error))) return;
  fs::remove(path, error);
  check<FileError>(!error, path.string(), ": cannot be removed: ", error.message());
}

// Files of a folder, which may be missing, by the beginning of their names.
std::vector<fs::path> beginning_with(const fs::path& folder, const std::string& begin) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().filename().string().starts_with(begin)) files.push_back(it->path());
  }
  return files;
}

bool holds_checkpoints(const fs::path& out) {
  return !nn::Checkpoints(out / "checkpoints").empty();
}

using Paths = std::vector<fs::path>;

void add_file(Paths& files, const fs::path& path) {
  std::error_code ignored;
  const fs::file_status status = fs::symlink_status(path, ignored);
  if (fs::exists(status) && !fs::is_directory(status)) files.push_back(path);
}

// The files of a result, its configurations first.
Paths result_in(const fs::path& out) {
  Paths files;
  for (const char* name : kResultFiles) add_file(files, out / name);
  for (const fs::path& shard : beginning_with(out, "model-0")) add_file(files, shard);
  return files;
}

// What else a run leaves.
Paths run_files_in(const fs::path& out) {
  Paths files;
  for (const char* name : kRunFiles) add_file(files, out / name);
  for (const fs::path& events : beginning_with(out / "tensorboard", "events.out.tfevents."))
    add_file(files, events);
  const nn::Checkpoints checkpoints(out / "checkpoints");
  for (const fs::path& file : checkpoints.files()) add_file(files, file);
  add_file(files, checkpoints.best());
  return files;
}

Paths all_in(const fs::path& out) {
  Paths files = result_in(out), more = run_files_in(out);
  files.insert(files.end(), more.begin(), more.end());
  return files;
}

// What a process that was killed left.
void remove_half_written(const fs::path& out) {
  for (const char* name : kResultFiles) must_remove(out / ('.' + std::string(name) + ".tmp"));
  for (const char* name : kRunFiles) must_remove(out / ('.' + std::string(name) + ".tmp"));
}

void must_rename(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  check<FileError>(!error, "cannot write ", to.string(), ": ", error.message());
}

// Throws UsageError if the folder holds a model or an adapter already and `overwrite` is false, or
// the other kind in any case.
void check_output_folder(const fs::path& folder, ResultKind kind, bool overwrite) {
  check<UsageError>(!folder.empty(), "--out: expected a folder's name, got \"\"");
  const bool model = is_model_folder(folder), adapter = is_adapter_folder(folder);
  const bool other = kind == ResultKind::model ? adapter : model;
  check<UsageError>(!other, "--out: ", folder.string(), " holds ", model ? "a model" : "an adapter",
                    "; choose another folder");
  check<UsageError>(overwrite || !(model || adapter), "--out: ", folder.string(), " holds ",
                    model ? "a model" : "an adapter",
                    " already; choose another folder, or --overwrite");
}

// Checks before the folder is made, and again when no other process can change the answer.
template <class Check>
RunLock locked(const fs::path& folder, Check&& check_folder) {
  check_folder();
  make_folder(folder);
  RunLock lock(folder);
  check_folder();
  return lock;
}

// A folder beside the result, there while it is replaced.
class Beside {
 public:
  explicit Beside(fs::path folder) : folder_(std::move(folder)) {}
  Beside(const Beside&) = delete;
  Beside& operator=(const Beside&) = delete;
  ~Beside() {
    if (!kept_) clear();
  }
  void clear() const {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  void keep() { kept_ = true; }
  const fs::path& folder() const { return folder_; }

 private:
  fs::path folder_;
  bool kept_ = false;
};

// The old files move aside, the new ones into their place; both ways.
class Replacement {
 public:
  Replacement(fs::path out, fs::path fresh, fs::path old)
      : out_(std::move(out)), fresh_(std::move(fresh)), old_(std::move(old)) {}

  void make(const Paths& files) {
    for (const fs::path& file : files) {
      const fs::path to = old_ / file.lexically_relative(out_);
      make_folder(to.parent_path());
      must_rename(file, to);
      aside_.emplace_back(file, to);
    }
    std::vector<fs::path> names;
    for (const auto& entry : fs::directory_iterator(fresh_))
      names.push_back(entry.path().filename());
    for (const fs::path& name : names) {
      if (name == kConfigs[0] || name == kConfigs[1]) continue;
      must_rename(fresh_ / name, out_ / name);
      placed_.push_back(name);
    }
    for (const char* name : kConfigs) {
      std::error_code ignored;
      if (!fs::exists(fresh_ / name, ignored)) continue;
      configs_.emplace_back(name);
      write_file_atomically(out_ / name, read_file(fresh_ / name, kLargestConfig));
    }
  }

  // Half a model is no model here either: configurations go first and come last.
  void undo() {
    for (; !configs_.empty(); configs_.pop_back()) must_remove(out_ / configs_.back());
    for (; !placed_.empty(); placed_.pop_back())
      must_rename(out_ / placed_.back(), fresh_ / placed_.back());
    for (; !aside_.empty(); aside_.pop_back())
      must_rename(aside_.back().second, aside_.back().first);
  }

 private:
  fs::path out_, fresh_, old_;
  std::vector<std::pair<fs::path, fs::path>> aside_;  // was, is
  std::vector<fs::path> placed_, configs_;
};

// `write` makes new files in a folder of their own, which then take the place of `files`.
void swap_in(const fs::path& out, const Paths& files, const WriteFolder& write) {
  Beside fresh(out / ".new"), old(out / ".old");
  fresh.clear();
  make_folder(fresh.folder());
  write(fresh.folder());
  old.clear();
  Replacement replacement(out, fresh.folder(), old.folder());
  try {
    replacement.make(files);
  } catch (const FileError& e) {
    try {
      replacement.undo();
    } catch (const FileError&) {
      fresh.keep();
      old.keep();
      throw FileError(str(e.what(), "; the new result is in ", fresh.folder().string(),
                          ", the old one in ", old.folder().string()));
    }
    throw;
  }
}

}  // namespace

RunLock prepare_run_folder(const fs::path& out, ResultKind kind, bool resume, bool overwrite) {
  return locked(out, [&] {
    const bool begun = holds_checkpoints(out);
    check<UsageError>(begun || !resume, "--resume: ", out.string(), " holds no checkpoint");
    if (resume) return;
    check_output_folder(out, kind, overwrite);
    check<UsageError>(overwrite || !begun, "--out: ", out.string(),
                      " holds the checkpoints of a run; "
                      "--resume goes on with it, --overwrite begins anew");
  });
}

RunLock prepare_result_folder(const fs::path& out, ResultKind kind, bool overwrite) {
  return locked(out, [&] {
    check_output_folder(out, kind, overwrite);
    check<UsageError>(overwrite || !holds_checkpoints(out), "--out: ", out.string(),
                      " holds the checkpoints of a run; choose another folder, or --overwrite");
  });
}

bool holds_run(const fs::path& out) {
  return !all_in(out).empty();
}

bool holds_result(const fs::path& out) {
  return is_model_folder(out) || is_adapter_folder(out);
}

void begin_run_folder(const fs::path& out) {
  std::error_code ignored;
  if (!holds_result(out)) {
    for (const fs::path& file : result_in(out)) must_remove(file);
  } else if (!fs::exists(out / kResultSettings, ignored) &&
             fs::exists(out / kRunSettings, ignored)) {
    must_rename(out / kRunSettings, out / kResultSettings);
  }
  for (const fs::path& file : run_files_in(out)) must_remove(file);
  remove_half_written(out);
  nn::Checkpoints(out / "checkpoints").clear();
}

void write_result(const fs::path& out, const WriteFolder& write) {
  if (holds_result(out)) return swap_in(out, result_in(out), write);
  write(out);
}

void replace_run_folder(const fs::path& out, const WriteFolder& write) {
  swap_in(out, all_in(out), write);
  try {  // the result is whole; what else lies there does no harm
    remove_half_written(out);
    nn::Checkpoints(out / "checkpoints").clear();
  } catch (const FileError&) {
  }
}

}  // namespace papilio::cli
