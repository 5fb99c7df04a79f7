#include "samples/papilio/text/text_finetune.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

#include "nn/models/language_model.h"
#include "nn/text/tokenizer_files.h"
#include "samples/papilio/data/training_data.h"
#include "samples/papilio/models/language_model.h"
#include "samples/papilio/models/method.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/training_options.h"
#include "samples/papilio/text/text_run.h"
#include "tensor/random.h"

namespace papilio::cli {

namespace fs = std::filesystem;

int finetune_text(const TextCommand& c, RunSettings& settings, MethodSettings& method,
                  const std::string& folder) {
  const Device device = device_of(c.common);
  TrainingSettings& t = settings.training;
  c.options.applies_when(false, {&method.drop_path}, kImageModel);
  settle_text_training(c, t, kFinetuneText, {folder});
  manual_seed(uint64_t(t.seed));
  LoadedLanguageModel loaded = load_language_model(folder);
  warn(c.options, loaded.warnings);
  loaded.to(device);
  TrainingData parts = text_parts(c, loaded.model->shape().max_positions, *loaded.tokenizer);
  const std::string label = attach_method(c.options, method, folder, loaded);
  const std::string intro = str(parts.train->size(), " sequences of at most ", c.text.length,
                                " tokens to train\n", nn::trainable_parameters_line(*loaded.model));
  return TextRun({.options = c.options,
                  .words = c.words,
                  .settings = settings,
                  .model = folder,
                  .method = method.name,
                  .intro = intro,
                  .report_title = label + " on " + fs::path(c.data.path).filename().string(),
                  .report_subject = str(label, " adapted the language model in ", folder, ".")},
                 {.loaded = loaded,
                  .parts = std::move(parts),
                  .length = c.text.length,
                  .save_tokenizer = [&](const fs::path& out) { nn::copy_tokenizer(folder, out); },
                  .compares = true})
      .run();
}

}  // namespace papilio::cli
