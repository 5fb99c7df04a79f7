// A step that several ranks make together: each computes its part of the batch, and all have the
// sum.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nn/data/batch_source.h"
#include "nn/data/loader.h"
#include "nn/parallel/data_parallel.h"
#include "nn/parallel/detail/flat_gradients.h"
#include "nn/parallel/detail/gradient_buckets.h"
#include "nn/train/fit.h"

namespace papilio::nn {

class ParallelStep {
 public:
  // What came of the step at all ranks together, the same at each.
  struct Result {
    double loss = 0;  // mean over the samples
    int64_t samples = 0;
    std::vector<std::string> skipped = {};
    int64_t gradient_messages = 0, gradient_bytes = 0;
  };

  // The arguments outlive it.
  ParallelStep(const DataParallel& parallel, const std::vector<Tensor>& parameters);
  ~ParallelStep();
  ParallelStep(const ParallelStep&) = delete;
  ParallelStep& operator=(const ParallelStep&) = delete;

  // parts: of each batch of the step, this rank's parts. Afterwards the gradients are those of the
  // mean loss over the samples of all ranks, and the default generator stands where it would after
  // the whole batches.
  Result operator()(const Loss& mean_loss, const std::vector<std::vector<Batch>>& batches,
                    const std::vector<std::string>& skipped);

 private:
  struct Sums;

  double compute(const Loss& mean_loss, const std::vector<Batch>& part, double whole, bool watched);
  Sums exchange(const Sums& own);
  void add_gradients(bool stale, double factor);

  const DataParallel& parallel_;
  const std::vector<Tensor>& parameters_;
  const BatchParts own_;
  GradientBuckets buckets_;
  std::unique_ptr<FlatGradients> flat_;  // reproducible
  std::vector<Tensor> part_grads_;       // of each own part
  int threads_before_ = 0;
};

}  // namespace papilio::nn
