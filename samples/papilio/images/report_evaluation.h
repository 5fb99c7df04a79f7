// What the report shows of an evaluation: confusion, the worst images, attention.
#pragma once

#include <string>

#include "nn/data/batch_source.h"
#include "nn/data/transforms/image_processor.h"
#include "nn/models/image_classifier.h"
#include "nn/train/fit.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/data/training_data.h"
#include "samples/papilio/images/test_result.h"
#include "samples/report/pages/run_report.h"

namespace papilio::cli {

// What an evaluation saw.
struct EvaluatedPart {
  std::string name;  // "test", "validation", ...; empty: nothing was evaluated
  nn::Batches images;
  nn::Evaluation evaluation;
};
// The test part with its result; the validation part if the data have no other.
EvaluatedPart part_to_show(nn::ImageClassifier& model, const TrainingData& data,
                           const TestResult& test);

// Confusion, the images with the highest loss, and attention maps. `processor` made the images of
// the part, which is one of `data`.
void report_evaluation(report::RunReport& page, nn::ImageClassifier& model,
                       const EvaluatedPart& part, const Data& data,
                       const nn::ImageProcessor& processor);

}  // namespace papilio::cli
