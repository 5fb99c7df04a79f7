// What a classifier of images makes of a part of the data.
#pragma once

#include <cstdint>
#include <string>

#include "samples/papilio/data/data.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/options.h"

namespace papilio::cli {

// What the command has been told.
struct ImageEvaluation {
  Options& options;
  const Words& words;
  DataSettings& data;
  Common& common;
  Device device;
  const std::string &model, &adapter, &classifier, &split, &report;
  int64_t& image_size;
  int64_t batch_size;
  bool ignore_unused;
};
// What `papilio evaluate` says of a classifier of images. Returns the exit code.
int evaluate_images(const ImageEvaluation& command);

}  // namespace papilio::cli
