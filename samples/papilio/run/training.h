// What train and finetune share: the settings of a training run, and the run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "nn/models/image_classifier.h"
#include "nn/train/fit.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/run/model.h"

namespace papilio::cli {

struct TrainingSettings {
  int64_t epochs = 1, batch_size = 64, seed = 0, accumulate = 1;
  double lr = 1e-3, weight_decay = 0, momentum = 0.9, warmup = 0.05, min_lr = 0;
  double label_smoothing = 0, clip = 1, layer_decay = 1, ema = 0;
  AugmentSettings augment;
  std::string optimizer = "adamw", schedule = "cosine", save = "last", precision = "float32";
  int64_t checkpoint_steps = 0, keep_checkpoints = 2;
  bool resume = false, cuda_graph = false;
};
// As the demo pretrains.
TrainingSettings demo_recipe();
void add_training(Options& options, TrainingSettings& settings);
// Throws UsageError for options that say nothing together with the others.
void resolve(Options& options, const TrainingSettings& settings);

// What is trained, on what, and where its files go.
struct TrainingJob {
  nn::ImageClassifier& model;  // everything that is trainable trains
  const TrainingData& data;
  std::filesystem::path out;  // log.csv, steps.csv, tensorboard/, checkpoints/
  std::string title;          // before the progress bar
  std::string settings;       // the resolved options, as run.toml has them
};

// How a run ended; the model holds what it learned in any case.
struct TrainingEnd {
  int64_t steps = 0, total_steps = 0, steps_per_epoch = 0;
  double seconds = 0, images_per_second = 0;       // of the steps of this process alone
  double train_loss = 0, validation_accuracy = 0;  // of the last epoch; NaN without one
  double best_accuracy = 0;                        // of all epochs
  size_t peak_memory = 0;                          // bytes of tensors in the CPU's memory at once
  int signal = 0;                                  // that stopped it, or 0
  std::string failure = {};                        // why it could not go on, or empty
  std::string warning = {};                        // what else is to say, or empty
  // Whether the model learned here what is worth writing; whether that is done; the step whose
  // weights it has; and whether there is a checkpoint to go on from, not to diverge again.
  bool trained = false, saved = false;
  int64_t model_step = 0;
  bool resumable = false;
  bool cleared = false;  // another run's files made room for this one, or began to
};
// Trains, with a line of log.csv an epoch, one of steps.csv a step, and checkpoints that a later
// call with settings.resume goes on from. Throws UsageError where there is nothing to go on from or
// the settings differ. A new run clears its folder (run_folder.h) and writes run.toml when the
// first step is made: one that fails before leaves what was there.
TrainingEnd run_training(const TrainingJob& job, const TrainingSettings& settings,
                         const Options& options, const Common& common);

// Calls `save` where the run learned something; a FileError is a failure of the run.
void save_result(TrainingEnd& end, const std::function<void()>& save);

// What the model makes of the test part; nothing where the data have none or it cannot be read.
struct TestResult {
  int64_t images = 0;
  nn::Evaluation evaluation = {};
  std::string problem = {};  // why there is none, though there is a test part
  // "test accuracy 97.1 %, loss 0.123"
  std::string text() const;
};
TestResult evaluate_test(nn::ImageClassifier& model, const TrainingData& data);
// The same of any part.
nn::Evaluation evaluate_part(nn::ImageClassifier& model, const nn::Batches& part,
                             const TrainingData& data);
void add_to_json(nlohmann::json& object, const TestResult& test);

// The exit code: 0, 1 where the run failed, 130 or 143 where a signal stopped it; says the latter
// two, what was saved and how to go on, on standard error.
int report_end(const Options& options, const TrainingEnd& end, const std::string& out);
void add_to_json(nlohmann::json& object, const TrainingEnd& end);

}  // namespace papilio::cli
