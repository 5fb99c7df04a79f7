// A run's checkpoints: what a disk that fails does to the run, and from where it goes on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "nn/train/checkpoints.h"
#include "nn/train/training_state.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/training_options.h"
#include "samples/papilio/run/training.h"
#include "samples/papilio/run/training_record.h"

namespace papilio::cli {

class RunCheckpoints {
 public:
  // The arguments outlive it.
  RunCheckpoints(const TrainingJob& job, const TrainingSettings& s, const Options& options);

  // Puts back the newest that is whole; returns its step. Throws UsageError if there is none or it
  // is of other settings or data, FileError if none is whole or if its numbers contradict each
  // other or the run.
  int64_t resume(const nn::TrainingParts& parts, TrainingRecord& record);
  // An error is a warning: a disk that is full now may have room at the next checkpoint.
  void save(const nn::TrainingParts& parts, int64_t step, const TrainingRecord& record);
  // Throws FileError.
  void save_or_throw(const nn::TrainingParts& parts, int64_t step, const TrainingRecord& record);
  // Notes the accuracy, and keeps these weights if the ones that are kept are worse.
  void keep_best(const nn::TrainingParts& parts, int64_t step, TrainingRecord& record,
                 double accuracy);
  // Puts the best ones back; the step they are of. `problem` says what is wrong with them.
  int64_t load_best(const nn::TrainingParts& parts, int64_t step, const TrainingRecord& record,
                    std::string& problem);

  // The step of the newest, -1 without.
  int64_t newest() const { return newest_; }
  // The newest of this run that is whole, "" without.
  const std::string& newest_file() const { return newest_file_; }

 private:
  // Throws FileError; the record is what the file's notes say.
  TrainingRecord checked(const nn::TrainingPlace& place, const nn::TrainingParts& parts,
                         const std::filesystem::path& file) const;
  std::string whole_file_of(int64_t step) const;
  nn::TrainingPlace place(int64_t step, const TrainingRecord& record) const;

  const TrainingJob& job_;
  const std::string data_lines_;
  const uint64_t first_random_;  // offset of the run's random numbers, before its first step
  const TrainingSettings& s_;
  const Options& options_;
  nn::Checkpoints files_;
  int64_t newest_ = -1;
  std::string newest_file_;
};

}  // namespace papilio::cli
