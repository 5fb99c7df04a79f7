// A run that trains a language model: what train and finetune do with text.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "samples/papilio/data/text_data.h"
#include "samples/papilio/run/language_model.h"
#include "samples/papilio/run/run_folder.h"
#include "samples/papilio/run/training_run.h"

namespace papilio::cli {

// What a command makes ready: a model and its data, and what is said of it.
struct TextRun {
  const TextCommand& command;
  RunSettings& settings;
  LoadedLanguageModel& loaded;
  TrainingData parts;
  std::string title, intro, report_title, report_subject;
  std::function<void(nlohmann::json&)> add_to_json;
  WriteFolder save_tokenizer;  // beside a model, not an adapter
  bool compares = false;  // a model that knows something before: what it makes of the test part
};
// Trains, saves, evaluates the test part, writes the report, and says all this. Returns the exit
// code.
int run_text(const TextRun& run);

// What train and finetune of text train with if it is not given.
struct TextDefaults {
  int64_t epochs, batch_size;
};
inline constexpr TextDefaults kTrainText{.epochs = 10, .batch_size = 16},
    kFinetuneText{.epochs = 3, .batch_size = 8};
// The defaults in --help, after add_training_options.
void show_text_defaults(Options& options, const TrainingSettings& settings,
                        const TextDefaults& defaults);
// Settles which options of training mean something for text, and what they are if not given.
void settle_text_training(const TextCommand& command, TrainingSettings& settings,
                          const TextDefaults& defaults);

}  // namespace papilio::cli
