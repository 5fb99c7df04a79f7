// A classifier of images that learns other classes.
#pragma once

#include <cstdint>
#include <string>

#include "samples/papilio/options/method_options.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/run/training_run.h"

namespace papilio::cli {

// What the command has been told.
struct ImageFinetuning {
  Options& options;
  const Words& words;
  RunSettings& run;
  MethodSettings& method;
  Device device;
  const std::string &model, &head;
  int64_t& image_size;
  bool kept;
};
// What `papilio finetune` does with images: adapts the model in a folder, by an adapter, a new head
// or in full. Returns the exit code.
int finetune_images(const ImageFinetuning& command);

}  // namespace papilio::cli
