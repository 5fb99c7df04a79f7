#include "samples/papilio/run/training_end.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "samples/papilio/options/common.h"
#include "samples/papilio/output/shell.h"
#include "tensor/available_memory.h"
#include "tensor/text.h"

namespace papilio::cli {

namespace {

// What became of the result of a run that failed.
std::string result_text(const TrainingEnd& end, const std::string& out) {
  switch (end.weights) {
    case Weights::saved:
      return str("; the model of step ", end.model_step, " is in ", out);
    case Weights::none:
      return end.old_result ? "; the result in " + out + " is still the one before"
                            : "; nothing is written";
    case Weights::trained:
      break;  // the failure says why it is not saved
  }
  return "";
}

}  // namespace

std::string TrainingEnd::failure() const {
  return joined(failures, "; ");
}

void TrainingEnd::fail(const std::string& why) {
  failures.push_back(why);
  if (outcome != Outcome::diverged) outcome = Outcome::failed;
}

void save_result(TrainingEnd& end, const std::function<void()>& save) {
  if (end.weights == Weights::none) return;
  try {
    save();
    end.weights = Weights::saved;
  } catch (const FileError& e) {
    end.fail(e.what());
  }
}

int report_end(const Options& options, const TrainingEnd& end, const std::string& out) {
  std::string line;
  switch (end.outcome) {
    case Outcome::finished:
      if (!end.warning.empty()) warn(options, {end.warning});
      return 0;
    case Outcome::interrupted:
      line = str("interrupted after step ", end.steps, " of ", end.total_steps,
                 "; what it learned is in ", out);
      break;
    case Outcome::diverged:
    case Outcome::failed:
      line = end.failure() + result_text(end, out);
      break;
  }
  std::fprintf(stderr, "papilio %s: %s\n", options.command().c_str(), printable(line).c_str());
  if (end.resumable())
    std::fprintf(stderr, "go on with: %s\n", resume_command(options.command(), out).c_str());
  return end.outcome == Outcome::interrupted ? 128 + end.signal : 1;
}

void add_to_json(nlohmann::json& object, const TrainingEnd& end) {
  object["steps"] = end.steps;
  object["total_steps"] = end.total_steps;
  object["seconds"] = end.seconds;
  object["images_per_second"] = end.images_per_second;
  object["peak_memory_bytes"] = end.peak_memory;
  object["peak_resident_bytes"] = peak_resident_bytes();
  object["train_loss"] = end.train_loss;
  object["validation_accuracy"] = end.validation_accuracy;
  object["best_validation_accuracy"] = end.best_accuracy;
  object["interrupted"] = end.signal != 0;
  object["stopped_early"] = end.ran_out_of_patience;
  object["failure"] = or_null(end.failure());
}

}  // namespace papilio::cli
