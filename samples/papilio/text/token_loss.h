// The loss that a language model trains by.
#pragma once

#include "nn/models/language_model.h"
#include "nn/train/fit.h"
#include "samples/papilio/options/training_options.h"

namespace papilio::cli {

// The mean loss of the tokens that count, whose labels the settings smooth.
nn::Loss token_loss(nn::LanguageModel& model, const TrainingSettings& settings);

}  // namespace papilio::cli
