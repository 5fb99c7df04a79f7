#include "nn/models/answers.h"

#include <string>

#include "autograd/ops/activation.h"
#include "autograd/ops/softmax.h"

namespace papilio::nn {

AnswerKind answer_kind(const ImageClassifier& model) {
  const auto found = model.other_config.find("problem_type");
  const std::string type = found == model.other_config.end() ? "" : found->second;  // JSON
  if (type == "\"regression\"") return AnswerKind::numbers;
  if (type == "\"multi_label_classification\"" || model.classifier.out_features() == 1)
    return AnswerKind::each_class;
  return AnswerKind::one_class;
}

Tensor answers(AnswerKind kind, const Tensor& logits) {
  return kind == AnswerKind::one_class    ? softmax(logits)
         : kind == AnswerKind::each_class ? sigmoid(logits)
                                          : logits;
}

}  // namespace papilio::nn
