#include "samples/cli/run_folder.h"

#include <vector>

#include "nn/data/file.h"
#include "nn/train/checkpoints.h"
#include "samples/cli/common.h"
#include "tensor/atomic_file.h"

namespace papilio::cli {

namespace fs = std::filesystem;

namespace {

constexpr const char* kFiles[] = {"config.json",
                                  "adapter_config.json",
                                  "model.safetensors",
                                  "model.safetensors.index.json",
                                  "adapter_model.safetensors",
                                  "adapter_model.compact.safetensors",
                                  "id2label.json",
                                  "preprocessor_config.json",
                                  "report.html",
                                  "log.csv",
                                  "steps.csv",
                                  "run.toml"};

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

}  // namespace

void prepare_run_folder(const fs::path& out, Result result, bool resume, bool overwrite) {
  const bool begun = !nn::Checkpoints(out / "checkpoints").empty();
  if (resume) {
    check<UsageError>(begun, "--resume: ", out.string(), " holds no checkpoint");
    return;
  }
  make_output_folder(out, result, overwrite);
  check<UsageError>(overwrite || !begun, "--out: ", out.string(),
                    " holds the checkpoints of a run; --resume goes on with it, --overwrite begins "
                    "anew");
}

void clear_run_folder(const fs::path& out) {
  for (const char* name : kFiles) {
    must_remove(out / name);
    must_remove(out / ('.' + std::string(name) + ".tmp"));  // of a process that was killed
  }
  for (const fs::path& shard : beginning_with(out, "model-0")) must_remove(shard);
  for (const fs::path& events : beginning_with(out / "tensorboard", "events.out.tfevents."))
    must_remove(events);
  nn::Checkpoints(out / "checkpoints").clear();
}

void replace_run_folder(const fs::path& out, const std::function<void(const fs::path&)>& write) {
  const struct Staging {
    fs::path folder;
    explicit Staging(fs::path path) : folder(std::move(path)) { remove_all(); }
    ~Staging() { remove_all(); }
    void remove_all() const {
      std::error_code ignored;
      fs::remove_all(folder, ignored);
    }
  } staging(out / ".new");
  make_folder(staging.folder);
  write(staging.folder);
  clear_run_folder(out);
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(staging.folder)) {
    const fs::path name = entry.path().filename(), to = out / name;
    if (name == kConfigs[0] || name == kConfigs[1]) continue;
    fs::rename(entry.path(), to, error);
    check<FileError>(!error, "cannot write ", to.string(), ": ", error.message());
  }
  for (const char* name : kConfigs) {
    if (fs::exists(staging.folder / name, error))
      write_file_atomically(out / name, nn::read_file(staging.folder / name, kLargestConfig));
  }
}

}  // namespace papilio::cli
