#include "samples/papilio/run/run_folder.h"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <iterator>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "nn/data/formats/detail/file.h"
#include "nn/diffusion/pipeline.h"
#include "nn/train/checkpoints.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/settings_file.h"
#include "samples/papilio/run/folder_kind.h"
#include "samples/papilio/run/run_files.h"
#include "tensor/files/atomic_file.h"

namespace papilio::cli {

namespace fs = std::filesystem;

namespace {

constexpr size_t kLargestConfig = 100'000'000;
// What makes a folder a result.
constexpr const char* kConfigs[] = {"config.json", "adapter_config.json", "model_index.json",
                                    "unet/adapter_config.json", "text_encoder/adapter_config.json"};

// A file; a folder of that name is none of a run's.
void must_remove(const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(fs::symlink_status(path, error))) return;
  fs::remove(path, error);
  check<FileError>(!error, path.string(), ": cannot be removed: ", error.message());
}

bool holds_checkpoints(const fs::path& out) {
  return !nn::Checkpoints(out / "checkpoints").empty();
}

// While a result is replaced: the new files, the old ones, and a list of the new ones, which is
// there from when all old ones are aside until all new ones are in their place.
fs::path fresh_in(const fs::path& out) {
  return out / ".new";
}
fs::path old_in(const fs::path& out) {
  return out / ".old";
}
fs::path list_in(const fs::path& out) {
  return out / ".new.list";
}

// Whether anything has this name, a link that leads nowhere too.
bool is_named(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

void must_remove_all(const fs::path& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  check<FileError>(!error, folder.string(), ": cannot be removed: ", error.message());
}

// What a process that was killed left.
void remove_half_written(const fs::path& out) {
  for (const std::string& name : file_names()) must_remove(out / ('.' + name + ".tmp"));
  must_remove(out / "..new.list.tmp");
  must_remove_all(fresh_in(out));
}

void must_rename(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  check<FileError>(!error, "cannot write ", to.string(), ": ", error.message());
}

// The folder, and those around it inside `out`, as far as they are empty.
void remove_empty(fs::path folder, const fs::path& out) {
  std::error_code error;
  while (folder != out && fs::is_directory(fs::symlink_status(folder, error)) &&
         fs::remove(folder, error))
    folder = folder.parent_path();
}

bool holds_model(const fs::path& folder) {
  return is_model_folder(folder) || nn::is_pipeline_folder(folder);
}

bool holds_adapter(const fs::path& folder) {
  return is_adapter_folder(folder) || is_pipeline_adapter_folder(folder);
}

// Throws UsageError if the folder holds a model or an adapter already and `overwrite` is false, or
// the other kind in any case.
void check_output_folder(const fs::path& folder, ResultKind kind, bool overwrite) {
  check<UsageError>(!folder.empty(), "--out: expected a folder's name, got \"\"");
  // Adapters as PEFT's guides leave them, without a checkpoint beside them, are no killed run's.
  const bool of_guide = !holds_checkpoints(folder) &&
                        !(step_adapters(folder).empty() && named_adapters(folder).empty());
  const bool model = holds_model(folder), adapter = holds_adapter(folder) || of_guide;
  const bool other = kind == ResultKind::model ? adapter : model;
  check<UsageError>(!other, "--out: ", folder.string(), " holds ", model ? "a model" : "an adapter",
                    "; choose another folder");
  check<UsageError>(overwrite || !(model || adapter), "--out: ", folder.string(), " holds ",
                    model ? "a model" : "an adapter",
                    " already; choose another folder, or --overwrite");
}

bool is_config(const fs::path& name) {
  return std::ranges::find(kConfigs, name) != std::end(kConfigs);
}

// The names in the list; configurations come last.
Paths listed(const fs::path& out) {
  Paths names;
  std::istringstream lines(read_file(list_in(out), kLargestConfig));
  for (std::string line; std::getline(lines, line);) names.emplace_back(line);
  return names;
}

// Half a model is no model: configurations go first and come last.
void place(const fs::path& out, const Paths& files) {
  const fs::path fresh = fresh_in(out);
  Paths names = files_in(fresh);
  for (fs::path& name : names) name = name.lexically_relative(fresh);
  std::stable_partition(names.begin(), names.end(),
                        [](const fs::path& name) { return !is_config(name); });
  std::string list;
  for (const fs::path& name : names) list += name.string() + '\n';
  make_folder(old_in(out));
  for (const fs::path& file : files) {
    const fs::path to = old_in(out) / file.lexically_relative(out);
    make_folder(to.parent_path());
    must_rename(file, to);
  }
  for (const fs::path& file : files) remove_empty(file.parent_path(), out);
  write_file_atomically(list_in(out), list);
  for (const fs::path& name : names) {
    make_folder((out / name).parent_path());
    if (is_config(name)) {
      write_file_atomically(out / name, read_file(fresh / name, kLargestConfig));
    } else {
      must_rename(fresh / name, out / name);
    }
  }
}

// From anywhere in `place`, and from anywhere in here: the old files are there again, the new ones
// in .new.
void put_back(const fs::path& out) {
  const fs::path fresh = fresh_in(out), old = old_in(out);
  if (is_named(list_in(out))) {
    const Paths names = listed(out);
    for (const fs::path& name : names) {
      if (is_config(name)) must_remove(out / name);
    }
    for (const fs::path& name : names) {
      if (!is_named(fresh / name) && is_named(out / name)) must_rename(out / name, fresh / name);
    }
    must_remove(list_in(out));
  }
  if (!is_named(old)) return;
  Paths files = files_in(old);
  std::stable_partition(files.begin(), files.end(), [&](const fs::path& file) {
    return !is_config(file.lexically_relative(old));
  });
  for (const fs::path& file : files) {
    const fs::path to = out / file.lexically_relative(old);
    make_folder(to.parent_path());
    must_rename(file, to);
  }
  must_remove_all(old);
}

// The new result is whole.
void forget_old(const fs::path& out) {
  must_remove_all(old_in(out));
  must_remove(list_in(out));
}

// After a process that was killed while it replaced a result.
void recover(const fs::path& out) {
  if (!is_named(list_in(out))) return put_back(out);
  const Paths names = listed(out);
  const bool whole = std::ranges::all_of(
      names, [&](const fs::path& name) { return !is_config(name) || is_named(out / name); });
  whole ? forget_old(out) : put_back(out);
}

bool half_replaced(const fs::path& out) {
  return is_named(old_in(out)) || is_named(list_in(out));
}

// `write` makes new files in a folder of their own, which then take the place of `files`.
void swap_in(const fs::path& out, const Paths& files, const WriteFolder& write) {
  const fs::path fresh = fresh_in(out);
  std::error_code ignored;
  must_remove_all(fresh);
  try {
    make_folder(fresh);
    write(fresh);
  } catch (...) {
    fs::remove_all(fresh, ignored);
    throw;
  }
  try {
    place(out, files);
  } catch (const std::exception& e) {
    try {
      put_back(out);
    } catch (const std::exception&) {
      throw FileError(str(e.what(), "; the new result is in ", fresh.string(), ", the old one in ",
                          old_in(out).string()));
    }
    fs::remove_all(fresh, ignored);
    throw;
  }
  try {  // what cannot be removed now does no harm
    forget_old(out);
  } catch (const FileError&) {
  }
  fs::remove_all(fresh, ignored);
}

// Checks before the folder is made, and again when no other process can change the answer.
template <class Check>
RunLock locked(const fs::path& folder, Check&& check_folder) {
  if (!half_replaced(folder)) check_folder();
  make_folder(folder);
  RunLock lock(folder);
  recover(folder);
  check_folder();
  return lock;
}

}  // namespace

RunLock prepare_run_folder(const fs::path& out, ResultKind kind, bool resume, bool overwrite) {
  return locked(out, [&] {
    const bool begun = holds_checkpoints(out);
    check<UsageError>(begun || !resume, "--resume: ", out.string(), " holds no checkpoint");
    if (resume) return;
    check_output_folder(out, kind, overwrite);
    check<UsageError>(
        overwrite || !begun, "--out: ", out.string(),
        " holds the checkpoints of a run; --resume goes on with it, --overwrite begins anew");
  });
}

RunLock prepare_result_folder(const fs::path& out, ResultKind kind, bool overwrite) {
  return locked(out, [&] { check_result_folder(out, kind, overwrite); });
}

void check_result_folder(const fs::path& out, ResultKind kind, bool overwrite) {
  if (half_replaced(out)) return;  // what it holds is known when the lock is held
  check_output_folder(out, kind, overwrite);
  check<UsageError>(overwrite || !holds_checkpoints(out), "--out: ", out.string(),
                    " holds the checkpoints of a run; choose another folder, or --overwrite");
}

bool holds_run(const fs::path& out) {
  return half_replaced(out) || is_named(fresh_in(out)) || !all_files(out).empty();
}

bool holds_result(const fs::path& out) {
  return holds_model(out) || holds_adapter(out);
}

void check_not_half_replaced(const fs::path& folder) {
  // Configurations go first and come last.
  const bool whole =
      std::ranges::any_of(kConfigs, [&](const char* config) { return is_named(folder / config); });
  check<FileError>(whole || !half_replaced(folder), folder.string(),
                   ": a process ended while it replaced the result in this folder; the old one is "
                   "in ",
                   old_in(folder).string(),
                   " and comes back when a command writes into the folder, such as the one that "
                   "ended");
}

void begin_run_folder(const fs::path& out) {
  std::error_code ignored;
  if (!holds_result(out)) {
    for (const fs::path& file : result_files(out)) must_remove(file);
  } else if (!fs::exists(out / kResultSettings, ignored)) {
    if (fs::exists(out / kRunSettings, ignored))
      must_rename(out / kRunSettings, out / kResultSettings);
    else  // it marks an old result all the same
      write_file_atomically(out / kResultSettings, "");
  }
  const Paths files = run_files(out);
  for (const fs::path& file : files) must_remove(file);
  for (const fs::path& file : files)
    if (file.parent_path() != out) remove_empty(file.parent_path(), out);
  remove_empty(out / kValidationFolder, out);
  remove_half_written(out);
  nn::Checkpoints(out / "checkpoints").clear();
}

void write_result(const fs::path& out, const WriteFolder& write) {
  if (holds_result(out)) return swap_in(out, result_files(out), write);
  write(out);
}

void replace_run_folder(const fs::path& out, const WriteFolder& write) {
  swap_in(out, all_files(out), write);
  try {  // the result is whole; what else lies there does no harm
    remove_half_written(out);
    nn::Checkpoints(out / "checkpoints").clear();
  } catch (const FileError&) {
  }
}

}  // namespace papilio::cli
