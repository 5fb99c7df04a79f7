// Where a Loader's batches come from, whatever the samples are: pictures, text, pictures with their
// captions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tensor/batch_rows.h"
#include "tensor/random.h"
#include "tensor/tensor.h"

namespace papilio::nn {

// B samples as a model takes them. Each tensor's first dimension is B.
struct Batch {
  Tensor inputs;                          // images (B, C, H, W), tokens (B, T), ...
  Tensor labels = {};                     // int64: a class each (B), or one at each place (B, T)
  Tensor targets = {};                    // (B, classes) float32 after mixing, else undefined
  std::vector<std::string> skipped = {};  // what was wrong with samples that are not in the batch
  // Where the samples stand in the data. The loader writes this if nothing was skipped.
  std::vector<int64_t> positions = {};
  // The number of values that its mean loss is the mean of, by which a step of several batches
  // weighs them; 0: of its samples.
  int64_t counted = 0;
  // Where its samples stand in the whole batch, if the loader makes parts of one, those skipped
  // included: first, ..., first + count - 1 of `of`.
  BatchRows rows = {};
  // What a model takes besides, by the name of its argument: {"input_ids": (B, T)} of captions.
  std::map<std::string, Tensor> more = {};

  // B: 0 if all samples are skipped.
  int64_t size() const { return inputs.size(0); }
  int64_t weight() const { return counted > 0 ? counted : size(); }
  // What cross_entropy takes.
  const Tensor& target() const { return targets.defined() ? targets : labels; }
};
// All its tensors there; those undefined stay so.
Batch to(Batch batch, Device device);

// What a Loader reads: samples by position.
class BatchSource {
 public:
  virtual ~BatchSource() = default;

  // The number of samples.
  virtual int64_t size() const = 0;
  // What people call the sample: a file's path, or a number.
  virtual std::string name(int64_t position) const = 0;
  // The files that the sample is read from, whatever it consists of: for an archive's member the
  // archive. None of those that come from no file.
  virtual std::vector<std::filesystem::path> files(int64_t) const { return {}; }
  // A number that tells these samples from others, by their names and what they are to teach: a run
  // goes on with its own data only.
  virtual uint64_t digest() const = 0;
  // The samples at these positions; every random choice comes from `generator`. Several threads may
  // call it at a time.
  virtual Batch batch(const std::vector<int64_t>& positions, Generator& generator) const = 0;
  // Samples begin, ..., end - 1 of that batch, as they are in it. Without another way the whole
  // batch is made.
  virtual Batch part(const std::vector<int64_t>& positions, int64_t begin, int64_t end,
                     Generator& generator) const;
};
// A source that loaders share.
using Batches = std::shared_ptr<const BatchSource>;

// Samples with a class each: Batch::labels are (B).
class ClassifiedSource : public BatchSource {
 public:
  // The names of the classes, and the class of each sample.
  virtual const std::vector<std::string>& class_names() const = 0;
  virtual std::vector<int64_t> labels() const = 0;
  uint64_t digest() const override;
};

// Rows begin, ..., end - 1 of all its tensors: copies.
Batch rows_of(const Batch& batch, int64_t begin, int64_t end);
// All samples in one batch, in the data's order.
Batch whole_batch(const BatchSource& source);

}  // namespace papilio::nn
