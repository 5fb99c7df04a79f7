// A run that trains a language model: what train and finetune do with text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "boft/model/model.h"
#include "nn/train/evaluate_text.h"
#include "samples/papilio/data/training_data.h"
#include "samples/papilio/models/language_model.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/training_options.h"
#include "samples/papilio/run/memory.h"
#include "samples/papilio/run/run_folder.h"
#include "samples/papilio/run/training.h"
#include "samples/papilio/run/training_end.h"
#include "samples/papilio/run/training_run.h"
#include "samples/papilio/text/text_data.h"
#include "samples/report/pages/run_report.h"

namespace papilio::cli {

// What a command makes ready.
struct TextSubject {
  LoadedLanguageModel& loaded;
  TrainingData parts;
  int64_t length = 0;          // tokens that a sequence has at most
  WriteFolder save_tokenizer;  // beside a model, not an adapter
  bool compares = false;  // a model that knows something before: what it makes of the test part
};

class TextRun final : public TrainingRun {
 public:
  TextRun(TrainingCommand command, TextSubject subject)
      : TrainingRun(std::move(command)), subject_(std::move(subject)) {}

 private:
  nn::Module& model() override { return *subject_.loaded.model; }
  const boft::AdapterModel* adapters() override { return subject_.loaded.adapters.get(); }
  std::string settle() override;
  void before_training() override;
  TrainingJob job() override;
  void save(const std::filesystem::path& out) override;
  bool gives_numbers() override;
  void evaluate() override;
  void add_results(nlohmann::json& results) override;
  void fill_report(report::RunReport& page, const TrainingEnd& end) override;
  std::string summary() override;

  // How the model goes on with a text, and how well it knows the test part.
  std::string sample() const;
  std::optional<nn::TextEvaluation> test() const;

  TextSubject subject_;
  RunMemory memory_;
  std::optional<nn::TextEvaluation> before_, after_;
  std::string sample_before_, sample_after_;
};

// What train and finetune of text train with if it is not given.
struct TextDefaults {
  int64_t epochs, batch_size;
};
inline constexpr TextDefaults kTrainText{.epochs = 10, .batch_size = 16},
    kFinetuneText{.epochs = 3, .batch_size = 8};
// The defaults in --help, after add_training_options.
void show_text_defaults(Options& options, const TrainingSettings& settings,
                        const TextDefaults& defaults);
// Settles the options of training and of the text, and what they are if not given; the models in
// `folders` as in check_text_options. Throws UsageError for what means nothing for text.
void settle_text_training(const TextCommand& command, TrainingSettings& settings,
                          const TextDefaults& defaults, const std::vector<std::string>& folders);

}  // namespace papilio::cli
