#include "samples/papilio/text/text_evaluate.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "nn/data/batch_source.h"
#include "nn/train/evaluate_text.h"
#include "samples/papilio/data/training_data.h"
#include "samples/papilio/models/language_model.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/text/text_result.h"

namespace papilio::cli {

int evaluate_text(const TextCommand& c, const std::string& model, const std::string& adapter,
                  bool ignore_unused, const std::string& part) {
  check<UsageError>(part != "all", "--split all: of a text the parts are evaluated one by one");
  check_text_options(c, {adapter, model});
  const Device device = device_of(c.common);
  set_threads(c.common);
  LoadedLanguageModel loaded = load_language_model(model, adapter, ignore_unused);
  warn(c.options, loaded.warnings);
  loaded.to(device);
  const TrainingData parts = text_parts(c, loaded.model->shape().max_positions, *loaded.tokenizer);
  const nn::Batches data = part == "train"        ? parts.train
                           : part == "validation" ? parts.validation
                                                  : parts.test;
  check<UsageError>(data != nullptr, "the data have no ", part, " part");
  const nn::TextEvaluation e = evaluated(*loaded.model, *loaded.tokenizer, data, parts);
  if (c.common.json) {
    nlohmann::json result{{"command", "evaluate"},       {"device", str(device)}, {"model", model},
                          {"adapter", or_null(adapter)}, {"data", c.data.path},   {"split", part},
                          {"sequences", e.sequences}};
    add_to_json(result, "", e);
    print_json(result);
  } else {
    std::printf("%s: %s\n", part.c_str(), text_of(e).c_str());
  }
  return 0;
}

}  // namespace papilio::cli
