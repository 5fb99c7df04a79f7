// What a language model's run is to a plan of its memory.
#pragma once

#include <cstdint>

#include "nn/models/language_model.h"
#include "samples/papilio/options/training_options.h"
#include "samples/papilio/run/memory.h"

namespace papilio::cli {

struct PlannedText {
  int64_t length = 1;  // tokens that the longest sequence has
  bool validates = true;
  int64_t workers = 0;
};
// The model outlives the question.
MemoryQuestion memory_question(nn::LanguageModel& model, const PlannedText& text,
                               const TrainingSettings& settings);

}  // namespace papilio::cli
