// What a language model makes of a text.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/data/batch_source.h"
#include "nn/data/loader.h"
#include "nn/models/language_model.h"
#include "nn/text/tokenizer.h"

namespace papilio::nn {

// Mean cross-entropy of the tokens that count (Batch::labels), which are flattened. What fit
// minimises.
Tensor text_loss(LanguageModel& model, const Batch& batch, double label_smoothing = 0);

// How well a model knows a text, over all tokens that count.
struct TextEvaluation {
  int64_t sequences = 0, tokens = 0;
  int64_t bytes = 0;    // that the tokens stand for, special ones for none
  double loss = 0;      // mean cross-entropy, nats a token
  double accuracy = 0;  // share of tokens that were the likeliest
  // exp(loss); and what a code that the model makes would take for a byte of the text, in bits.
  double perplexity() const;
  double bits_per_byte() const;  // NaN without a byte
};
// One epoch of the loader from its beginning, in evaluation mode and without gradients; puts the
// model's mode back. token_losses: those of the tokens that count are appended to it, in their
// order. Throws ArgumentError if no token counts.
TextEvaluation evaluate_text(LanguageModel& model, Loader& loader, const Tokenizer& tokenizer,
                             std::vector<double>* token_losses = nullptr);

}  // namespace papilio::nn
