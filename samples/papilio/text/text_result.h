// What a language model makes of a text, and how it is told.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "nn/data/batch_source.h"
#include "nn/models/language_model.h"
#include "nn/text/tokenizer.h"
#include "nn/train/evaluate_text.h"
#include "samples/papilio/data/training_data.h"

namespace papilio::cli {

// How well the model knows a part of the data.
nn::TextEvaluation evaluated(nn::LanguageModel& model, const nn::Tokenizer& tokenizer,
                             const nn::Batches& part, const TrainingData& data);
// "perplexity 12.3 (2.51 nats a token, 1.2 bits a byte), 45% of 6,789 tokens guessed"
std::string text_of(const nn::TextEvaluation& evaluation);
// prefix + tokens, loss, perplexity, bits_per_byte, accuracy.
void add_to_json(nlohmann::json& object, const std::string& prefix,
                 const std::optional<nn::TextEvaluation>& evaluation);

// How the model goes on with the beginning of the first sample of a part: the prompt, a bar, what
// it wrote. The same model writes the same.
std::string sample_text(nn::LanguageModel& model, const nn::Tokenizer& tokenizer,
                        const nn::BatchSource& part);

}  // namespace papilio::cli
