// Going on with a text, token by token.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "nn/models/language_model.h"

namespace papilio::nn {

// Names as in Transformers' GenerationConfig.
struct GenerationOptions {
  int64_t max_new_tokens = 50;
  double temperature = 1;  // 0: the likeliest token each time (greedy)
  int64_t top_k = 0;       // only so many of the likeliest tokens; 0: all
  double top_p = 1;        // only the likeliest tokens that together have this probability
  // Logits of tokens that are there already, the prompt's too, are divided by it if positive,
  // multiplied if negative.
  double repetition_penalty = 1;
  uint64_t seed = 0;
  std::vector<int64_t> eos_token_ids = {};  // end the text, and are its last token
  // Ids that a tokenizer knows, from 0: a vocabulary may be padded with more rows, which are no
  // text. 0: all of the model's.
  int64_t known_tokens = 0;
  bool use_cache = true;  // keys and values; without: all tokens again each time
};

// Why a text ended.
enum class StopReason {
  eos,      // one of eos_token_ids
  length,   // max_new_tokens
  context,  // the model looks at no more tokens
  asked     // on_token said so
};

// What generate wrote.
struct Generation {
  std::vector<int64_t> ids;                // the new ones
  StopReason reason = StopReason::length;  // why there are no more
};

// Goes on behind the prompt. Told about each new token, the last one too; false ends the text.
using OnToken = std::function<bool(int64_t id)>;

// The same options and prompt give the same tokens. Draws follow from the seed and the number of
// the token alone, on every device. Throws ArgumentError for a prompt that is empty or longer than
// the model looks at, options out of range, and logits that are not finite numbers.
Generation generate(LanguageModel& model, std::span<const int64_t> prompt,
                    const GenerationOptions& options = {}, const OnToken& on_token = {});

// The probabilities from which a token is drawn, by id (of known tokens): penalty, then
// temperature, then top_k, then top_p, in Transformers' order. `seen`: the tokens so far. Of a
// temperature of 0: 1 for the likeliest token, the first of equal ones.
std::vector<double> token_probabilities(std::vector<double> logits, std::span<const int64_t> seen,
                                        const GenerationOptions& options);

}  // namespace papilio::nn
