// How training images are changed at random.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "samples/papilio/options/options.h"

namespace papilio::cli {

struct AugmentSettings {
  double shift = 0, rotate = 0;  // of data whose source has made them (nn::ImageSource)
  std::string crop = "auto", interpolation = "bicubic";
  int64_t padding = 4, rand_augment = 0, magnitude = 9;
  double min_scale = 0.35, hflip = 0.5, mixup = 0, cutmix = 0, reprob = 0;
  bool scaled_decoding = false;
};
void add_augmentation(Options& options, AugmentSettings& settings);
// All of them.
std::vector<Options::Handle> augmentation_options(const AugmentSettings& settings);
}  // namespace papilio::cli
