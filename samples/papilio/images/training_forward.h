// A classifier of images in the precision that the settings train it in.
#pragma once

#include "nn/models/image_classifier.h"
#include "nn/train/fit.h"
#include "samples/papilio/options/training_options.h"

namespace papilio::cli {

nn::Forward training_forward(nn::ImageClassifier& model, const TrainingSettings& settings);

}  // namespace papilio::cli
