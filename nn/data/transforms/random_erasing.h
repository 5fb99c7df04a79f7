// Random erasing. Zhong, Zheng, Kang, Li, Yang: "Random erasing data augmentation" (arXiv
// 1708.04896).
#pragma once

#include <cstdint>

#include "nn/data/transforms/draw.h"

namespace papilio::nn {

// With probability p, one rectangle of the normalised image is set to 0, the data's mean, or to
// normal noise.
struct RandomErasing {
  double p = 0;
  double min_scale = 0.02, max_scale = 0.33;  // share of the image's area
  double min_ratio = 0.3, max_ratio = 3.3;    // height over width, log-uniform
  bool noise = false;

  // image: (channels, height, width), changed in place.
  void operator()(float* image, int64_t channels, int64_t height, int64_t width, Draw& draw) const;
};

}  // namespace papilio::nn
