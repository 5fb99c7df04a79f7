// Labelled images in memory, and how they become batches.
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

  int64_t size() const { return labels.numel(); }
};

// The samples at the given positions, copied.
Dataset subset(const Dataset& data, const std::vector<int64_t>& positions);
// The samples of the given classes, relabelled 0, 1, ... in the order given.
Dataset with_classes(const Dataset& data, const std::vector<int64_t>& classes);

// Small random changes of a batch, each image on its own.
struct Augmentation {
  double shift_pixels = 0;      // uniform in [-shift, shift] for each axis
  double rotation_degrees = 0;  // uniform in [-rotation, rotation], about the centre
  bool any() const { return shift_pixels > 0 || rotation_degrees > 0; }
};
// Bilinear; what comes from outside the image is 0. images: (B, C, H, W) float32.
Tensor augment(const Tensor& images, const Augmentation& augmentation, Generator& generator);

struct Batch {
  Tensor images;  // (B, C, H, W)
  Tensor labels;  // (B)
};

// Shuffled batches without end. Every random choice follows from the seed, the epoch and the
// position, so a run can go on from any place. The last batch of an epoch may be smaller.
class Loader {
 public:
  struct Options {
    int64_t batch_size = 128;
    uint64_t seed = 0;
    Augmentation augmentation = {};
  };

  Loader(Dataset data, Options options);
  Batch next();

  int64_t batches_per_epoch() const;
  int64_t epoch() const { return epoch_; }
  int64_t position() const { return position_; }  // batches of this epoch that next() has given
  void seek(int64_t epoch, int64_t position);

 private:
  Dataset data_;
  Options options_;
  int64_t epoch_ = 0, position_ = 0;
  std::vector<int64_t> order_;  // of the epoch order_epoch_
  int64_t order_epoch_ = -1;
};

}  // namespace papilio::nn
