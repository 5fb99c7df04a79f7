// What train and finetune share: the settings of a training run, and the run.
#pragma once

#include <filesystem>
#include <string>

#include "nn/train/fit.h"
#include "samples/cli/common.h"
#include "samples/cli/data.h"

namespace papilio::cli {

struct TrainingSettings {
  int64_t epochs = 1, batch_size = 64, seed = 0;
  double lr = 1e-3, weight_decay = 0, momentum = 0.9, warmup = 0.05, min_lr = 0;
  double label_smoothing = 0, clip = 1;
  AugmentSettings augment;
  std::string optimizer = "adamw", schedule = "cosine";
};
// As the demo pretrains.
TrainingSettings demo_recipe();
void add_training(Options& options, TrainingSettings& settings);
// Throws UsageError for options that say nothing together with the others.
void resolve(Options& options, const TrainingSettings& settings);

// How a run ended; the model holds what it learned in any case.
struct TrainingEnd {
  int64_t steps = 0, total_steps = 0;
  double seconds = 0, images_per_second = 0;       // of the steps alone
  double train_loss = 0, validation_accuracy = 0;  // of the last epoch; NaN without one
  int signal = 0;                                  // that stopped it, or 0
  std::string failure = {};                        // why it could not go on, or empty
};
// Trains everything that is trainable; a line of `log` an epoch. Images that cannot be read are
// warned of, once each.
TrainingEnd run_training(nn::Module& model, const nn::Forward& forward, const TrainingData& data,
                         const TrainingSettings& settings, const std::filesystem::path& log,
                         const Common& common, const std::string& title);

// What the model makes of the test part; nothing where the data have none.
struct TestResult {
  int64_t images = 0;
  double accuracy = 0, top5 = 0, loss = 0;
  // "test accuracy 97.1 %, loss 0.123"
  std::string text() const;
};
TestResult evaluate_test(nn::Module& model, const nn::Forward& forward, const TrainingData& data);
void add_to_json(nlohmann::json& object, const TestResult& test);

// The exit code: 0, 1 where the run failed, 130 or 143 where a signal stopped it; says the latter
// two, and what was saved, on standard error.
int report_end(const Options& options, const TrainingEnd& end, const std::string& saved);
void add_to_json(nlohmann::json& object, const TrainingEnd& end);

}  // namespace papilio::cli
