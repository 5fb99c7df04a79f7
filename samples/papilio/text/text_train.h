// A language model from scratch.
#pragma once

#include "samples/papilio/options/model_options.h"
#include "samples/papilio/run/training_run.h"
#include "samples/papilio/text/text_data.h"

namespace papilio::cli {

// What `papilio train` does with text: a small model, with a tokenizer that is given or learned
// from the text. Returns the exit code.
int train_text(const TextCommand& command, RunSettings& run, ModelSettings& model);

}  // namespace papilio::cli
