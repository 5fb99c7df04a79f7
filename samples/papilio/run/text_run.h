// Commands on language models: what train, finetune and evaluate do with text.
#pragma once

#include <cstdint>
#include <string>

#include "samples/papilio/options/method_options.h"
#include "samples/papilio/run/training_run.h"

namespace papilio::cli {

// Why an option of pictures has no meaning for text.
inline constexpr const char* kImageModel = "an image classifier";
// ... and the other way round.
inline constexpr const char* kLanguageModel = "a language model";

// Options that only a language model has.
struct TextSettings {
  int64_t length = 256;  // at most what the model looks at
  bool no_pack = false;
};
void add_text(Options& options, TextSettings& settings);

// What a command has been told.
struct TextCommand {
  Options& options;
  const Words& words;
  DataSettings& data;
  TextSettings& text;
  Common& common;
  int64_t& batch_size;
};

// Adapts the model in a folder, by an adapter or in full. Returns the exit code.
int finetune_text(const TextCommand& command, RunSettings& run, MethodSettings& method,
                  const std::string& model);

// What `papilio evaluate` says of a language model.
int evaluate_text(const TextCommand& command, const std::string& model, const std::string& adapter,
                  bool ignore_unused, const std::string& part);

}  // namespace papilio::cli
