// The methods that the main job compares, and the settings that all of them share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "boft/methods/methods.h"
#include "samples/papilio/options/method_options.h"
#include "samples/papilio/options/training_options.h"

namespace papilio::demo {

// What trains beside the new head: adapters, nothing (probe), or every parameter (full).
struct DemoMethod {
  std::string name;   // as in results.json
  std::string label;  // for people
  enum class Kind { adapter, probe, full } kind = Kind::adapter;
  std::optional<boft::AdapterConfig> adapter = {};
  double lr = 0;  // chosen by kRateRule
};

// Grid of learning rates that every method is tried with on the validation digits (papilio demo
// --tune).
extern const std::vector<double> kRates;
extern const char* const kRateRule;
constexpr uint64_t kTuneSeed = 100;  // none of the seeds that are reported

std::vector<DemoMethod> methods();
struct CurveSetting;  // curve.h
// Every method of the curves with what it is tried with, the lowest rate (COFT: bound) first.
// `few`: of the main job's methods, two of each and one of COFT.
std::vector<CurveSetting> curve_settings(bool few);

// As train and finetune have them. 40 epochs teach the digits 0-4; more make the backbone forget
// what five others need, and cost every adapter that must work with it about a point.
struct Hyperparameters {
  int64_t pretrain_epochs = cli::TrainingSettings{}.epochs, adapt_epochs = cli::kFinetuneEpochs;
  int64_t batch_size = cli::TrainingSettings{}.batch_size;
  double pretrain_lr = cli::TrainingSettings{}.lr;
  double weight_decay = cli::TrainingSettings{}.weight_decay;
  double label_smoothing = cli::TrainingSettings{}.label_smoothing;
  int64_t seeds = 3;
};

}  // namespace papilio::demo
