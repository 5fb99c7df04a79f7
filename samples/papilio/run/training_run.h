// A command that trains, from its options to its exit code: what train, finetune, dreambooth and
// controlnet share.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>

#include "boft/model/model.h"
#include "nn/module.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/training_options.h"
#include "samples/papilio/run/run_lock.h"
#include "samples/papilio/run/training.h"
#include "samples/papilio/run/training_end.h"
#include "samples/report/pages/run_report.h"

namespace papilio::cli {

struct RunSettings {
  std::string out = {};
  bool overwrite = false;
  DataSettings data = {};
  TrainingSettings training = {};
  Common common = {};
};

// What a command has been told, and what it says of itself.
struct TrainingCommand {
  const Options& options;
  const Words& words;
  RunSettings& settings;
  std::string model = {}, method = {};  // what is adapted and how; empty: it trains from scratch
  std::string intro;                    // before the first step
  std::string report_title = {}, report_subject = {};     // empty: there is no report.html
  std::function<void(nlohmann::json&)> add_to_json = {};  // what it says beside; may be null
};

// The one script of every training, with what images, text and pictures with captions do
// differently in virtual functions.
class TrainingRun {
 public:
  virtual ~TrainingRun() = default;
  TrainingRun(const TrainingRun&) = delete;
  TrainingRun& operator=(const TrainingRun&) = delete;

  // Locks the run's folder, trains, saves, evaluates, writes results.json and the report, and says
  // all this. Returns the exit code.
  int run();

 protected:
  explicit TrainingRun(TrainingCommand command) : command_(std::move(command)) {}

  const Options& options() const { return command_.options; }
  const Words& words() const { return command_.words; }
  RunSettings& settings() const { return command_.settings; }

  virtual nn::Module& model() = 0;                   // everything that is trainable in it trains
  virtual const boft::AdapterModel* adapters() = 0;  // they are the result; null: the model is
  // With the run's folder locked: settles what depends on the data. Returns the line that is said
  // below the intro, or "".
  virtual std::string settle() { return ""; }
  // Called before the first step.
  virtual void before_training() {}
  // The job without `out`, `title` and `settings`, which are the command's.
  virtual TrainingJob job() = 0;
  virtual void save(const std::filesystem::path& out) = 0;
  // Whether the model's answers are finite: one that answers NaN takes no older result's place.
  virtual bool gives_numbers() = 0;
  // Called at the first rank if the training succeeded.
  virtual void evaluate() {}
  // What results.json and --json say of this kind of data.
  virtual void add_results(nlohmann::json&) {}
  // The report, but for the command's title, the curves and the adapter.
  virtual void fill_report(report::RunReport&, const TrainingEnd&) {}
  // What the last lines on the screen begin with, if the training succeeded.
  virtual std::string summary() { return ""; }

 private:
  TrainingEnd train_and_save(const std::optional<RunLock>& lock);
  nlohmann::json results_of(const TrainingEnd& end);
  void write_report(const TrainingEnd& end);

  TrainingCommand command_;
};

}  // namespace papilio::cli
