// A head that fits the frozen features before anything else learns.
#pragma once

#include <cstdint>

#include "nn/data/loader.h"
#include "nn/models/image_classifier.h"

namespace papilio::cli {

struct FittedHead {
  int64_t images = 0;
  double accuracy = 0, loss = 0;  // on the images it was fitted to; nats
};

// Trains the model's heads alone, by softmax regression (AdamW, 500 steps of up to 2,048 images) on
// the features that the model has of the loader's one epoch, computed once. Draws nothing: the
// order of the images is the loader's. Throws NonFiniteError for features that are not finite.
FittedHead fit_head(nn::ImageClassifier& model, nn::Loader& loader, double label_smoothing);

}  // namespace papilio::cli
