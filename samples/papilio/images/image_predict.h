// What a classifier of images says of some.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "samples/papilio/options/common.h"
#include "samples/papilio/options/options.h"

namespace papilio::cli {

struct ImageQuestion {
  std::string model, adapter, digit, corrupt, out;
  std::vector<std::string> images;  // files, and folders of pictures
  int64_t top, image_size;
  bool ignore_unused;
};
// What `papilio predict` says of images: the likeliest classes of each. Returns the exit code.
int predict_images(const Options& options, const ImageQuestion& question, Common& common);

}  // namespace papilio::cli
