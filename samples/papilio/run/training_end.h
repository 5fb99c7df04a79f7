// How a training run ended, what became of its result, and how both are told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "samples/papilio/options/options.h"

namespace papilio::cli {

// Why the training ended.
enum class Outcome {
  finished,     // every step is done
  interrupted,  // by a signal; what it learned is as good as any
  diverged,     // a loss or gradient was not finite: the same steps would lead there again
  failed        // an error, in the training or while its result was written
};

// What there is of the weights that were learned.
enum class Weights {
  none,     // no step was made, or one broke off half done
  trained,  // in the model, of model_step
  saved     // in the run's folder too
};

struct TrainingEnd {
  Outcome outcome = Outcome::finished;
  Weights weights = Weights::none;
  int64_t steps = 0, total_steps = 0, steps_per_epoch = 0;
  int64_t model_step = 0;                          // whose weights the model has
  double seconds = 0, images_per_second = 0;       // of the steps of this process alone
  double train_loss = 0, validation_accuracy = 0;  // of the last epoch; NaN without one
  double best_accuracy = 0;                        // of all epochs
  size_t peak_memory = 0;                          // bytes of tensors in the CPU's memory at once
  // How each rank's gradients travel in a step (nn::StepReport).
  int64_t gradient_messages = 0, gradient_bytes = 0;
  int signal = 0;                          // that stopped it, or 0
  std::vector<std::string> failures = {};  // why it diverged or failed, or empty
  std::string warning = {};                // what else is to say, or empty
  std::string checkpoint = {};             // the newest of this run, or empty
  bool old_result = false;                 // one from before is still there
  bool ran_out_of_patience = false;        // finished before the last step (--patience)

  std::string failure() const;  // all of them
  // Diverged if it was; else the run has failed, for this reason beside others.
  void fail(const std::string& why);
  bool succeeded() const { return outcome == Outcome::finished || outcome == Outcome::interrupted; }
  // Whether it may go on from its checkpoint, not to diverge again.
  bool resumable() const { return !checkpoint.empty() && outcome != Outcome::diverged; }
};

// Calls `save` if the run learned something; a FileError is a failure of the run.
void save_result(TrainingEnd& end, const std::function<void()>& save);

// The exit code: 0, 1 if the run failed, 128 and the signal if one stopped it; says the latter two,
// what was saved and how to resume, on standard error.
int report_end(const Options& options, const TrainingEnd& end, const std::string& out);
void add_to_json(nlohmann::json& object, const TrainingEnd& end);

}  // namespace papilio::cli
