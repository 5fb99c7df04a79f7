// What a run has seen so far besides its parameters, and what a checkpoint keeps of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "nn/train/training_state.h"

namespace papilio::cli {

struct TrainingRecord {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  int64_t steps = 0, images = 0;  // of this epoch, as the sums
  double loss = 0, norm = 0, seconds = 0;
  int64_t stale = 0;  // epochs in a row that were no better than the best
  // Figures of the last epoch, of the best one, and of the best one whose weights are on the disk.
  double train_loss = kNone, accuracy = kNone, best_accuracy = -1, kept_accuracy = -1;

  // As a checkpoint's notes, beside the run's settings (run.toml).
  nn::TrainingNotes notes(const std::string& settings) const;
  // `steps_per_epoch` bounds its counts. Throws FileError for numbers that no record can have.
  void set(const nn::TrainingNotes& notes, int64_t steps_per_epoch);
};

// Throws UsageError if settings differ, but for those of the keys that may: a run's own in `then`
// and those it would go on with. `out` is its folder. Returns a warning if the last bits of what it
// computes may be others.
std::vector<std::string> check_same_settings(const std::string& then, const std::string& now,
                                             const std::set<std::string>& may_differ,
                                             const std::filesystem::path& out);

}  // namespace papilio::cli
