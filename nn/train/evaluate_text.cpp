#include "nn/train/evaluate_text.h"

#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops/argmax.h"
#include "autograd/ops/cross_entropy.h"
#include "autograd/ops/shape.h"
#include "nn/data/text_batches.h"
#include "nn/eval_mode.h"
#include "nn/train/detail/token_answers.h"

namespace papilio::nn {

Tensor text_loss(LanguageModel& model, const Batch& batch, double label_smoothing) {
  return cross_entropy(flatten(model(batch.inputs), 0, 1), flatten(batch.labels, 0, 1),
                       {.label_smoothing = label_smoothing, .ignore_index = kIgnored});
}

TokenAnswers token_answers(LanguageModel& model, const Batch& batch) {
  const Tensor logits = flatten(model(batch.inputs), 0, 1);
  return {cross_entropy(logits, flatten(batch.labels, 0, 1),
                        {.reduction = Reduction::none, .ignore_index = kIgnored}),
          argmax(logits, 1)};
}

double TextEvaluation::perplexity() const {
  return std::exp(loss);
}

double TextEvaluation::bits_per_byte() const {
  if (bytes == 0) return std::numeric_limits<double>::quiet_NaN();
  return loss * double(tokens) / double(bytes) / std::numbers::ln2;
}

TextEvaluation evaluate_text(LanguageModel& model, Loader& loader, const Tokenizer& tokenizer,
                             std::vector<double>* token_losses) {
  const EvalMode eval_mode(model);
  const NoGrad no_grad;
  const Device device = device_of(model);
  TextEvaluation result;
  double loss = 0, right = 0;
  loader.seek(0, 0);
  for (int64_t i = 0; i < loader.batches_per_epoch(); ++i) {
    const Batch batch = to(loader.next(), device);
    const TokenAnswers answers = token_answers(model, batch);
    const std::vector<double> losses = answers.losses.to_vector<double>();
    const auto labels = batch.labels.to_vector<int64_t>(), best = answers.best.to_vector<int64_t>();
    for (size_t k = 0; k < labels.size(); ++k) {
      if (labels[k] == kIgnored) continue;
      ++result.tokens;
      loss += losses[k];
      if (token_losses != nullptr) token_losses->push_back(losses[k]);
      right += double(best[k] == labels[k]);
      result.bytes += int64_t(tokenizer.decode(std::vector{labels[k]}, true).size());
    }
    result.sequences += batch.size();
  }
  check(result.tokens > 0, "evaluate_text: no token of the data counts");
  result.loss = loss / double(result.tokens);
  result.accuracy = right / double(result.tokens);
  return result;
}

}  // namespace papilio::nn
