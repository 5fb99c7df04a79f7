// --data of a language model: a text, as commands use it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/text/tokenizer.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/data/training_data.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/text_options.h"

namespace papilio::cli {

// What a command has been told.
struct TextCommand {
  Options& options;
  const Words& words;
  DataSettings& data;
  TextSettings& text;
  Common& common;
  int64_t& batch_size;
};

// Throws UsageError unless a text was given, and for shares that leave nothing to train on. What
// the models in `folders` held out when they were trained stays held out.
void check_text_options(const TextCommand& command, const std::vector<std::string>& folders);
// The parts of the text, as batches. Settles --sequence-length; throws UsageError for one beyond
// `most`, which is what the model looks at.
TrainingData text_parts(const TextCommand& command, int64_t most, const nn::Tokenizer& tokenizer);

}  // namespace papilio::cli
