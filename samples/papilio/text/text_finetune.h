// A language model that learns another text.
#pragma once

#include <string>

#include "samples/papilio/options/method_options.h"
#include "samples/papilio/run/training_run.h"
#include "samples/papilio/text/text_data.h"

namespace papilio::cli {

// What `papilio finetune` does with text: adapts the model in a folder, by an adapter or in full.
// Returns the exit code.
int finetune_text(const TextCommand& command, RunSettings& run, MethodSettings& method,
                  const std::string& model);

}  // namespace papilio::cli
