// What finetuning a model would take of memory.
#pragma once

#include <cstdint>
#include <filesystem>

#include "samples/papilio/inspect/inspection.h"
#include "samples/papilio/options/method_options.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/text_options.h"
#include "samples/papilio/options/training_options.h"

namespace papilio::cli {

struct PlanSettings {
  MethodSettings method = {};
  TrainingSettings training = {};
  int64_t image_size = 0, workers = 0;
  int64_t length = TextSettings{}.length;  // of a language model's sequences
};

// The plan as a table with a row a part and an operation. If it does not fit: what would, and the
// code 1. Settles the targets of the method, and what depends on the kind of model.
Inspection inspect_plan(Options& options, const std::filesystem::path& model,
                        PlanSettings& settings);

}  // namespace papilio::cli
