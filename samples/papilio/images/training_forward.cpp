#include "samples/papilio/images/training_forward.h"

#include "samples/papilio/run/optimization.h"

namespace papilio::cli {

nn::Forward training_forward(nn::ImageClassifier& model, const TrainingSettings& s) {
  return nn::autocast([&model](const Tensor& images) { return model(images); },
                      training_precision(s));
}

}  // namespace papilio::cli
