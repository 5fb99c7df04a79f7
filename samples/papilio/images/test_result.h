// What a model that was trained makes of the test part.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "nn/data/batch_source.h"
#include "nn/models/image_classifier.h"
#include "nn/train/fit.h"
#include "samples/papilio/data/training_data.h"

namespace papilio::cli {

// It has no images if the data have no test part, and the problem if that cannot be evaluated.
struct TestResult {
  int64_t images = 0;
  nn::Evaluation evaluation = {};
  std::string problem = {};  // why there is none, though there is a test part
  // "test accuracy 97.1 %, loss 0.123"
  std::string text() const;
};
TestResult evaluate_test(nn::ImageClassifier& model, const TrainingData& data);
// The same of any part.
nn::Evaluation evaluate_part(nn::ImageClassifier& model, const nn::Batches& part,
                             const TrainingData& data);
void add_to_json(nlohmann::json& object, const TestResult& test);

}  // namespace papilio::cli
