// What train and finetune share: the settings of a training run, and the run.
#pragma once

#include <filesystem>
#include <string>

#include "nn/data/digits.h"
#include "nn/train/fit.h"
#include "samples/cli/common.h"

namespace papilio::cli {

struct TrainingSettings {
  int64_t epochs = 1, batch_size = 64, seed = 0;
  double lr = 1e-3, weight_decay = 0, momentum = 0.9, warmup = 0.05, min_lr = 0;
  double label_smoothing = 0, clip = 1;
  double shift = 0, rotate = 0;
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
// Trains everything that is trainable; a line of `log` an epoch.
TrainingEnd run_training(nn::Module& model, const nn::Forward& forward, const nn::Splits& data,
                         const TrainingSettings& settings, const std::filesystem::path& log,
                         const Common& common, const std::string& title);

// The exit code: 0, 1 where the run failed, 130 or 143 where a signal stopped it; says the latter
// two, and what was saved, on standard error.
int report_end(const Options& options, const TrainingEnd& end, const std::string& saved);
void add_to_json(nlohmann::json& object, const TrainingEnd& end);

}  // namespace papilio::cli
