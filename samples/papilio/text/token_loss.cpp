#include "samples/papilio/text/token_loss.h"

#include "nn/data/batch_source.h"
#include "nn/train/evaluate_text.h"

namespace papilio::cli {

nn::Loss token_loss(nn::LanguageModel& model, const TrainingSettings& s) {
  return [&model, smoothing = s.label_smoothing](const nn::Batch& batch) {
    return nn::text_loss(model, batch, smoothing);
  };
}

}  // namespace papilio::cli
