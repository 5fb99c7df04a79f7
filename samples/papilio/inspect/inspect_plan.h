// What finetuning a model would take of memory.
#pragma once

#include <cstdint>
#include <filesystem>

#include "samples/papilio/inspect/inspection.h"
#include "samples/papilio/options/method_options.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/training_options.h"

namespace papilio::cli {

struct PlanSettings {
  MethodSettings method = {};
  TrainingSettings training = {};
  int64_t image_size = 0, workers = 0;
};

// The plan as a table with a row a part and an operation. If it does not fit: what would, and the
// code 1. Settles the targets of the method.
Inspection inspect_plan(const Options& options, const std::filesystem::path& model,
                        PlanSettings& settings);

}  // namespace papilio::cli
