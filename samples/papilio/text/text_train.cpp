#include "samples/papilio/text/text_train.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nn/data/sources/text.h"
#include "nn/models/gpt2.h"
#include "nn/models/language_model.h"
#include "nn/text/tokenizer.h"
#include "nn/text/tokenizer_files.h"
#include "nn/text/train_bpe.h"
#include "samples/papilio/data/training_data.h"
#include "samples/papilio/models/language_model.h"
#include "samples/papilio/options/training_options.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/text/text_run.h"
#include "tensor/random.h"

namespace papilio::cli {

namespace fs = std::filesystem;

namespace {

// Given, or learned from all of the text.
nn::Tokenizer make_tokenizer(const std::string& text, const ModelSettings& m) {
  if (!m.tokenizer.empty()) return nn::load_tokenizer(m.tokenizer);
  const std::vector<std::string> texts = nn::read_texts(text);
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  return nn::train_tokenizer(views, {.vocab_size = m.vocab_size});
}

}  // namespace

int train_text(const TextCommand& c, RunSettings& settings, ModelSettings& m) {
  const Device device = device_of(c.common);
  TrainingSettings& t = settings.training;
  settle_text_training(c, t, kTrainText, {});
  if (!c.options.given(&c.text.length)) c.text.length = m.context;
  auto tokenizer = std::make_unique<nn::Tokenizer>(make_tokenizer(c.data.path, m));
  TrainingData parts = text_parts(c, m.context, *tokenizer);
  manual_seed(uint64_t(t.seed));
  LoadedLanguageModel loaded{
      {std::make_unique<nn::GPT2LMHeadModel>(gpt2_config(m, *tokenizer)), nullptr, {}},
      std::move(tokenizer)};
  // Transformers' default is GPT-2's own 50256.
  const auto& bos = loaded.tokenizer->roles().bos;
  loaded.model->other_config["bos_token_id"] = bos ? str(*bos) : "null";
  loaded.to(device);
  const nn::LanguageModel::Shape shape = loaded.model->shape();
  const int64_t parameters = nn::count_parameters(*loaded.model).all;
  const std::string size =
      str(shape.num_hidden_layers, " layers, width ", shape.hidden_size, ", ",
          with_commas(shape.vocab_size), " tokens of which it looks at ", shape.max_positions);
  const std::string intro =
      str(parts.train->size(), " sequences of at most ", c.text.length,
          " tokens to train\nGPT-2 of ", size, ": ", with_commas(parameters), " parameters");
  return TextRun({.options = c.options,
                  .words = c.words,
                  .settings = settings,
                  .intro = intro,
                  .report_title = "Training on " + fs::path(c.data.path).filename().string(),
                  .report_subject = str("A GPT-2 of ", size, " learned the text from scratch."),
                  .add_to_json =
                      [&](nlohmann::json& result) {
                        result["parameters"] = parameters;
                        result["vocab_size"] = shape.vocab_size;
                      }},
                 {.loaded = loaded,
                  .parts = std::move(parts),
                  .length = c.text.length,
                  .save_tokenizer =
                      [&](const fs::path& out) {
                        if (m.tokenizer.empty())
                          nn::save_tokenizer(*loaded.tokenizer, out);
                        else
                          nn::copy_tokenizer(m.tokenizer, out);
                      }})
      .run();
}

}  // namespace papilio::cli
