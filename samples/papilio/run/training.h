// One training run of a model of any kind on its data: steps, logs, checkpoints.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "nn/data/loader.h"
#include "nn/train/fit.h"
#include "nn/train/model_average.h"
#include "samples/papilio/data/training_data.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/training_options.h"
#include "samples/papilio/run/optimization.h"
#include "samples/papilio/run/training_end.h"

namespace papilio::cli {

// What is trained, on what, and where its files go.
struct TrainingJob {
  nn::Module& model;  // everything that is trainable trains
  Fit fit;
  // What the model makes of a part; empty if the data have no validation part.
  std::function<nn::Evaluation(nn::Loader&)> evaluate;
  std::function<double()> operations;  // of a training step on one sample; empty: not known
  const TrainingData& data;
  int64_t steps = 0;               // of the optimiser, whatever the epochs; 0: by these
  std::filesystem::path out = {};  // log.csv, steps.csv, tensorboard/, checkpoints/
  std::string title = {};          // before the progress bar
  std::string samples = "images";  // what its speed counts
  std::string settings = {};       // the resolved options, as run.toml has them
  // What the model is besides its weights, and what prepares its inputs (model_lines.h).
  std::string model_lines = {};
  // Called at every step's end, behind its checkpoint: a signal that comes meanwhile ends the run
  // with this step.
  std::function<void(int64_t step, nn::ModelAverage* average)> after_step = {};
};

// The optimiser's steps in all.
inline int64_t total_steps(const TrainingJob& job, const TrainingSettings& s, int64_t per_epoch) {
  return job.steps > 0 ? job.steps : s.epochs * per_epoch;
}

// Trains, with a line of log.csv an epoch, one of steps.csv a step, and checkpoints that a later
// call with settings.resume goes on from; the model holds what it learned however the run ends.
// Throws UsageError if there is nothing to resume or the settings differ. A new run clears its
// folder of another's logs and checkpoints (begin_run_folder) and writes run.toml when the first
// step is made: one that fails before leaves what was there, and a result that was there stays
// until write_result.
TrainingEnd run_training(const TrainingJob& job, const TrainingSettings& settings,
                         const Options& options, const Common& common);

}  // namespace papilio::cli
