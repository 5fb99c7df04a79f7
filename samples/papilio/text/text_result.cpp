#include "samples/papilio/text/text_result.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "nn/data/batch_source.h"
#include "nn/data/loader.h"
#include "nn/text/generate.h"
#include "nn/text/utf8.h"
#include "samples/papilio/output/table.h"
#include "tensor/random.h"

namespace papilio::cli {

nn::TextEvaluation evaluated(nn::LanguageModel& model, const nn::Tokenizer& tokenizer,
                             const nn::Batches& part, const TrainingData& data) {
  nn::Loader loader(part, {.batch_size = data.evaluation_batch,
                           .workers = data.workers,
                           .epochs = 1,
                           .shuffle = false});
  return nn::evaluate_text(model, loader, tokenizer);
}

std::string text_of(const nn::TextEvaluation& e) {
  return str("perplexity ", short_number(e.perplexity(), 4), " (", short_number(e.loss, 4),
             " nats a token, ", short_number(e.bits_per_byte(), 4), " bits a byte), ",
             percent(e.accuracy), " of ", with_commas(e.tokens), " tokens guessed");
}

void add_to_json(nlohmann::json& object, const std::string& prefix,
                 const std::optional<nn::TextEvaluation>& e) {
  const auto number = [&](double value) { return e ? nlohmann::json(value) : nlohmann::json(); };
  object[prefix + "tokens"] = e ? e->tokens : 0;
  object[prefix + "loss"] = number(e ? e->loss : 0);
  object[prefix + "perplexity"] = number(e ? e->perplexity() : 0);
  object[prefix + "bits_per_byte"] = number(e ? e->bits_per_byte() : 0);
  object[prefix + "accuracy"] = number(e ? e->accuracy : 0);
}

std::string sample_text(nn::LanguageModel& model, const nn::Tokenizer& tokenizer,
                        const nn::BatchSource& part) {
  constexpr int64_t kPrompt = 16, kNew = 80;
  Generator generator(0);
  std::vector<int64_t> ids = part.batch({0}, generator).inputs.to_vector<int64_t>();
  ids.resize(
      size_t(std::min<int64_t>({int64_t(ids.size()), kPrompt, model.shape().max_positions})));
  const nn::Generation more = nn::generate(model, ids,
                                           {.max_new_tokens = kNew,
                                            .temperature = 0.8,
                                            .top_p = 0.95,
                                            .eos_token_ids = model.eos_token_ids(),
                                            .known_tokens = tokenizer.size()});
  return nn::valid_utf8(tokenizer.decode(ids)) + "|" +
         nn::valid_utf8(tokenizer.decode(more.ids, true));
}

}  // namespace papilio::cli
