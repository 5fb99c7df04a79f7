// What a classifier's logits mean, by its folder's problem_type and number of outputs, as
// Transformers' pipeline for image classification has it.
#pragma once

#include "nn/models/image_classifier.h"

namespace papilio::nn {

enum class AnswerKind {
  one_class,   // one of the classes: softmax
  each_class,  // yes or no for each (multi_label_classification, or a single output): sigmoid
  numbers,     // regression: the outputs themselves
};
AnswerKind answer_kind(const ImageClassifier& model);

// (B, classes), probabilities or numbers.
Tensor answers(AnswerKind kind, const Tensor& logits);

}  // namespace papilio::nn
