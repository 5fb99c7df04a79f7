// A classifier of images from scratch.
#pragma once

#include "samples/papilio/options/model_options.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/run/training_run.h"

namespace papilio::cli {

// What the command has been told.
struct ImageTraining {
  Options& options;
  const Words& words;
  RunSettings& run;
  ModelSettings& model;
  Device device;
};
// What `papilio train` does with images: a small vision transformer. Returns the exit code.
int train_images(const ImageTraining& command);

}  // namespace papilio::cli
