#include "samples/papilio/images/test_result.h"

#include <new>
#include <nlohmann/json.hpp>

#include "nn/data/batch_source.h"
#include "nn/data/loader.h"
#include "samples/papilio/output/table.h"

namespace papilio::cli {

nn::Evaluation evaluate_part(nn::ImageClassifier& model, const nn::Batches& part,
                             const TrainingData& data) {
  nn::Loader loader(part, {.batch_size = data.evaluation_batch,
                           .workers = data.workers,
                           .epochs = 1,
                           .shuffle = false});
  return nn::evaluate(
      model, [&](const Tensor& images) { return model(images); }, loader);
}

TestResult evaluate_test(nn::ImageClassifier& model, const TrainingData& data) {
  TestResult result;
  if (data.test == nullptr) return result;
  try {
    const nn::Evaluation e = evaluate_part(model, data.test, data);
    check<Error>(e.without_answer == 0, "the model gives no number for ", e.without_answer, " of ",
                 e.labels.size(), " images");
    result.evaluation = e;
    result.images = int64_t(e.labels.size());
  } catch (const Error& e) {
    result.problem = e.what();
  } catch (const std::bad_alloc&) {
    result.problem = "out of memory";
  }
  return result;
}

std::string TestResult::text() const {
  if (!problem.empty()) return "the test part was not evaluated";
  if (images == 0) return "no test part";
  return "test accuracy " + percent(evaluation.accuracy) + ", loss " +
         short_number(evaluation.loss);
}

void add_to_json(nlohmann::json& object, const TestResult& test) {
  const auto number = [&](double value) {
    return test.images > 0 ? nlohmann::json(value) : nlohmann::json(nullptr);
  };
  object["test_images"] = test.images;
  object["test_accuracy"] = number(test.evaluation.accuracy);
  object["test_top5"] = number(test.evaluation.top5);
  object["test_loss"] = number(test.evaluation.loss);
}

}  // namespace papilio::cli
