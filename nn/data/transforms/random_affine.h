// Small random shifts and rotations of a batch.
#pragma once

#include "tensor/random.h"
#include "tensor/tensor.h"

namespace papilio::nn {

struct RandomAffine {
  double shift_pixels = 0;      // uniform in [-shift, shift] for each axis
  double rotation_degrees = 0;  // uniform in [-rotation, rotation], about the centre

  // Does it change anything?
  bool any() const { return shift_pixels > 0 || rotation_degrees > 0; }
  // Each image on its own, bilinear; what comes from outside the image is 0. images: (B, C, H, W)
  // float32, the rows of a batch that `generator` stands for.
  Tensor operator()(const Tensor& images, Generator& generator) const;
};

}  // namespace papilio::nn
