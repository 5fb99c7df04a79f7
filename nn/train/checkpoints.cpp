#include "nn/train/checkpoints.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <system_error>
#include <utility>

namespace papilio::nn {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kBegin = "step-", kEnd = ".safetensors";

std::string name_of(int64_t step) {
  const std::string digits = str(step);
  const size_t zeros = digits.size() < 8 ? 8 - digits.size() : 0;
  return std::string(kBegin) + std::string(zeros, '0') + digits + std::string(kEnd);
}

// The step of such a file, or -1.
int64_t step_of(const std::string& name) {
  if (!name.starts_with(kBegin) || !name.ends_with(kEnd)) return -1;
  const char *begin = name.data() + kBegin.size(), *end = name.data() + name.size() - kEnd.size();
  int64_t step = -1;
  const auto [at, error] = std::from_chars(begin, end, step);
  return error == std::errc() && at == end && step >= 0 ? step : -1;
}

// Step -> file.
std::map<int64_t, fs::path> listed(const fs::path& folder) {
  std::map<int64_t, fs::path> result;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const int64_t step = step_of(it->path().filename().string());
    if (step >= 0) result[step] = it->path();
  }
  return result;
}

// What a process that was killed left of a checkpoint it was writing.
std::vector<fs::path> half_written(const fs::path& folder) {
  std::vector<fs::path> result;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.starts_with('.' + std::string(kBegin)) && name.ends_with(std::string(kEnd) + ".tmp"))
      result.push_back(it->path());
  }
  return result;
}

// Is there something of this name, a link that leads nowhere too? Reading it says what is wrong.
bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

}  // namespace

Checkpoints::Checkpoints(fs::path folder, int64_t keep) : folder_(std::move(folder)), keep_(keep) {
  check(keep >= 1, "Checkpoints: expected to keep at least 1, got ", keep);
}

void Checkpoints::make_folder() const {
  std::error_code error;
  fs::create_directories(folder_, error);
  check<FileError>(!error, folder_.string(), ": cannot be made: ", error.message());
}

fs::path Checkpoints::save(const TrainingParts& parts, const TrainingPlace& place) const {
  make_folder();
  fs::path path = folder_ / name_of(place.step);
  save_training_state(path, parts, place);
  // From here on the new file is on the disk.
  int64_t older = 0;
  const std::map<int64_t, fs::path> files = listed(folder_);
  for (auto it = files.rbegin(); it != files.rend(); ++it) {
    const bool stale = it->first > place.step || (it->first < place.step && ++older >= keep_);
    std::error_code ignored;
    if (stale) fs::remove(it->second, ignored);
  }
  for (const fs::path& half : half_written(folder_)) {
    std::error_code ignored;
    fs::remove(half, ignored);
  }
  return path;
}

void Checkpoints::save_best(const TrainingParts& parts, const TrainingPlace& place) const {
  make_folder();
  save_training_state(best(), parts, place);
}

void Checkpoints::clear() const {
  std::vector<fs::path> all = files();
  all.push_back(best());
  all.push_back(folder_ / ".best.safetensors.tmp");
  for (fs::path& half : half_written(folder_)) all.push_back(std::move(half));
  for (const fs::path& path : all) {
    std::error_code error;
    fs::remove(path, error);
    check<FileError>(!error, path.string(), ": cannot be removed: ", error.message());
  }
}

std::vector<fs::path> Checkpoints::files() const {
  std::vector<fs::path> result;
  for (const auto& [step, path] : listed(folder_)) result.insert(result.begin(), path);
  return result;
}

bool Checkpoints::empty() const {
  return files().empty() && !is_there(best());
}

std::optional<TrainingPlace> Checkpoints::newest_place() const {
  for (const fs::path& path : files()) {
    try {
      return read_training_place(path);
    } catch (const FileError&) {
      continue;  // resume() names it
    }
  }
  return {};
}

std::optional<TrainingPlace> Checkpoints::resume(
    const TrainingParts& parts, std::vector<std::string>& warnings,
    const std::function<void(const TrainingPlace&, const fs::path&)>& accept) const {
  std::vector<fs::path> candidates = files();
  if (is_there(best())) candidates.push_back(best());
  for (const fs::path& path : candidates) {
    TrainingPlace place;
    try {
      place = read_training_place(path);
    } catch (const FileError& e) {
      warnings.push_back(str(e.what(), "; trying the one before"));
      continue;
    }
    if (accept) accept(place, path);
    return load_training_state(path, parts);
  }
  check<FileError>(candidates.empty(), folder_.string(), ": no checkpoint is whole");
  return {};
}

}  // namespace papilio::nn
