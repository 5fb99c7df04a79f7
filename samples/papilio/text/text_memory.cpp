#include "samples/papilio/text/text_memory.h"

#include "nn/train/memory_plan.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/run/optimization.h"
#include "samples/papilio/text/token_loss.h"
#include "tensor/text.h"

namespace papilio::cli {

MemoryQuestion memory_question(nn::LanguageModel& model, const PlannedText& text,
                               const TrainingSettings& settings) {
  const nn::LanguageModel::Shape m = model.shape();
  MemoryQuestion q{model, settings};
  q.what = str(m.model_type, ", ", layers_text(m.num_hidden_layers, m.hidden_size), ", ",
               with_commas(text.length), " tokens a sequence");
  q.sample = "sequence";
  q.tokens = q.size = text.length;
  q.size_option = "--sequence-length";
  q.run = [&model](const TrainingSettings& s, int64_t length) {
    return nn::planned_text(model, in_precision(s, token_loss(model, s)), length);
  };
  q.validates = text.validates;
  q.workers = text.workers;
  return q;
}

}  // namespace papilio::cli
