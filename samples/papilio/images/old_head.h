// What an adapted model still makes of the classes that it had before, read through the head that
// it had for them.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "nn/adapter.h"
#include "nn/data/batch_source.h"
#include "nn/data/transforms/image_processor.h"
#include "nn/models/image_classifier.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/data/training_data.h"
#include "samples/papilio/models/model.h"

namespace papilio::cli {

// Shares of the test images of the old classes that the old head names rightly. It falls as the
// features move away from that head, and does not say what a new one could tell apart.
struct Kept {
  std::vector<std::string> classes = {};
  int64_t images = 0;  // 0: the data have none of these classes
  double before = std::numeric_limits<double>::quiet_NaN(), after = before;
};
// An object, or null.
void add_to_json(nlohmann::json& object, const Kept& kept);

class OldHead {
 public:
  // Copies the head of a model that is not yet adapted; `all` are the data with all their classes.
  OldHead(const LoadedModel& loaded, const Data& all, const DataSettings& settings,
          const nn::ImageProcessor& processor, int64_t batch_size);

  // Before any step, and when the model has learned. Without such images they do nothing.
  void measure_before(nn::ImageClassifier& model) { kept_.before = accuracy(model); }
  void measure_after(nn::ImageClassifier& model) { kept_.after = accuracy(model); }
  const Kept& kept() const { return kept_; }

 private:
  struct Copy {
    nn::StoredWeight weight;
    Tensor bias;
  };

  double accuracy(nn::ImageClassifier& model) const;

  std::vector<Copy> heads_;
  nn::Batches images_;
  int64_t batch_size_, workers_;
  Kept kept_;
};

}  // namespace papilio::cli
