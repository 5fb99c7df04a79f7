// What evaluate_text makes of one batch, and plan_training counts.
#pragma once

#include "nn/data/batch_source.h"
#include "nn/models/language_model.h"
#include "tensor/tensor.h"

namespace papilio::nn {

// For each of a batch's B T places, the ignored ones too: the cross-entropy of its label, and the
// likeliest token, int64.
struct TokenAnswers {
  Tensor losses, best;
};
TokenAnswers token_answers(LanguageModel& model, const Batch& batch);

}  // namespace papilio::nn
