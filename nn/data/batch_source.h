// Where a Loader's batches come from.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tensor/random.h"
#include "tensor/tensor.h"

namespace papilio::nn {

struct Batch {
  Tensor images;                     // (B, C, H, W)
  Tensor labels;                     // (B) int64
  Tensor targets = {};               // (B, classes) float32 after mixing, else undefined
  std::vector<std::string> skipped;  // what was wrong with images that are not in the batch
  // Where the images stand in the data. The loader writes this if nothing was skipped.
  std::vector<int64_t> positions = {};

  // What cross_entropy takes.
  const Tensor& target() const { return targets.defined() ? targets : labels; }
};

// What a Loader reads: samples with labels, by position.
class BatchSource {
 public:
  virtual ~BatchSource() = default;

  // The number of samples.
  virtual int64_t size() const = 0;
  virtual Dims image_shape() const = 0;  // (C, H, W)
  // The names of the classes, and the class of each sample.
  virtual const std::vector<std::string>& class_names() const = 0;
  virtual std::vector<int64_t> labels() const = 0;
  // What people call the sample: a file's path, or a number.
  virtual std::string name(int64_t position) const = 0;
  // The samples at these positions; every random choice comes from `generator`. Several threads may
  // call it at a time.
  virtual Batch batch(const std::vector<int64_t>& positions, Generator& generator) const = 0;
};
// A source that loaders share.
using Batches = std::shared_ptr<const BatchSource>;

// All samples in one batch, in the data's order.
Batch whole_batch(const BatchSource& source);

}  // namespace papilio::nn
