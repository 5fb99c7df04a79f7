// What a run writes down while it goes: log.csv, a line an epoch, steps.csv, a line a step, and
// TensorBoard's events.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nn/train/csv_log.h"
#include "nn/train/fit.h"
#include "nn/train/tensorboard_log.h"

namespace papilio::cli {

struct EpochFigures {
  int64_t epoch, step;
  double loss, lr, gradient_norm, validation_loss, validation_accuracy, images_per_second;
};

// Numbers of log.csv or steps.csv by column; columns that are not there are empty.
std::map<std::string, std::vector<double>> read_log(const std::filesystem::path& path);

// A disk that is full ends no training: `warn` gets what could not be written.
class RunLogs {
 public:
  using Warn = std::function<void(const std::string&)>;
  // The steps after which the lines of a run before are made again.
  struct Resumed {
    int64_t epochs_after, steps_after;
  };
  // Throws FileError.
  RunLogs(const std::filesystem::path& out, std::optional<Resumed> resumed, Warn warn);

  // Whether log.csv ends with the line of the epoch that this step ended.
  static bool end_with_epoch_of(const std::filesystem::path& out, int64_t step);

  // What the steps to this one took, by steps.csv.
  struct Spent {
    int64_t images = 0;
    double seconds = 0;
  };
  static Spent spent_until(const std::filesystem::path& out, int64_t step);

  void step(const nn::StepReport& report);
  void epoch(const EpochFigures& figures);

 private:
  template <class Write>
  void try_to(Write&& write);
  void step_to_tensorboard(int64_t step, double loss, double lr, double gradient_norm);

  Warn warn_;
  nn::CsvLog epochs_, steps_;
  nn::TensorboardLog tensorboard_;
};

}  // namespace papilio::cli
