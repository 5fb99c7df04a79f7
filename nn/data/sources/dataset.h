// Labelled images in memory, as a model takes them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tensor/random.h"
#include "tensor/tensor.h"

namespace papilio::nn {

struct Dataset {
  Tensor images;  // (N, C, H, W) float32
  Tensor labels;  // (N) int64, indices into class_names
  std::vector<std::string> class_names;

  // The number of samples.
  int64_t size() const { return labels.numel(); }
};

// The samples at the given positions, copied.
Dataset subset(const Dataset& data, const std::vector<int64_t>& positions);
// The samples of the given classes, relabelled 0, 1, ... in the order given.
Dataset with_classes(const Dataset& data, const std::vector<int64_t>& classes);

// The samples of each class c with number[c] >= 0, which becomes their label among `class_names`.
Dataset relabelled(const Dataset& data, const std::vector<int64_t>& number,
                   std::vector<std::string> class_names);
// All samples, one data set after the other; classes are the first one's. Throws ArgumentError
// where image shapes or classes differ.
Dataset joined(const std::vector<Dataset>& parts);

// Small random changes of a batch, each image on its own.
struct Augmentation {
  double shift_pixels = 0;      // uniform in [-shift, shift] for each axis
  double rotation_degrees = 0;  // uniform in [-rotation, rotation], about the centre
  bool any() const { return shift_pixels > 0 || rotation_degrees > 0; }
};
// Bilinear; what comes from outside the image is 0. images: (B, C, H, W) float32.
Tensor augment(const Tensor& images, const Augmentation& augmentation, Generator& generator);

}  // namespace papilio::nn
