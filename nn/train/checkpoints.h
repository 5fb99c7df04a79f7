// A run's folder of checkpoints: the newest few, and the best.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nn/train/training_state.h"

namespace papilio::nn {

class Checkpoints {
 public:
  // Files are step-00000120.safetensors, of which the newest `keep` stay, and best.safetensors. The
  // folder is made with the first of them. Throws ArgumentError for keep < 1.
  explicit Checkpoints(std::filesystem::path folder, int64_t keep = 2);

  // Writes the newest, then prunes: what is newer than `place` (a run that went on from here
  // before), what is older than the newest `keep`, and what a killed process left half written. An
  // error of pruning loses nothing and is passed over. Returns the file. Throws FileError.
  std::filesystem::path save(const TrainingParts& parts, const TrainingPlace& place) const;
  void save_best(const TrainingParts& parts, const TrainingPlace& place) const;

  // The newest file that is whole, or else the best, put back. `warnings` gets a line for each that
  // is not. `accept` sees what it is, and its file, before anything changes, and may throw. Empty
  // if there is none; throws FileError if files are there and none is whole, and if one is of
  // another run (that is no damage).
  std::optional<TrainingPlace> resume(
      const TrainingParts& parts, std::vector<std::string>& warnings,
      const std::function<void(const TrainingPlace&, const std::filesystem::path&)>& accept =
          nullptr) const;
  // The notes of the newest whole file, without using it.
  std::optional<TrainingPlace> newest_place() const;

  // Whether there is nothing to resume from.
  bool empty() const;
  // Removes all of them and what a killed process left half written, for a run that begins anew.
  void clear() const;

  std::vector<std::filesystem::path> files() const;  // by step, the newest first
  // The file of the best weights.
  std::filesystem::path best() const { return folder_ / "best.safetensors"; }

 private:
  void make_folder() const;

  std::filesystem::path folder_;
  int64_t keep_;
};

}  // namespace papilio::nn
