// Gradients added up over all ranks while the backward pass still runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "autograd/gradient_watch.h"
#include "nn/parallel/communicator.h"
#include "nn/parallel/detail/flat_gradients.h"
#include "tensor/tensor.h"

namespace papilio::nn {

// Parameters lie in buckets, the last one's first, as their gradients come. The buckets and their
// order are the same at all ranks and in all steps, and so are the sums' bits.
class GradientBuckets {
 public:
  // travel: float32, or bfloat16, which halves what travels and rounds each sum.
  GradientBuckets(Communicator& ranks, std::vector<Tensor> parameters,
                  DType travel = DType::float32);

  // A step begins.
  void begin();
  // For a GradientWatch of its last backward pass: a bucket goes on its way when all its gradients
  // are there. How many come to a parameter is known from the step before.
  GradientArrived watcher();
  // After the pass: the buckets that are still here go on their way. False if a gradient came to
  // one that had left: then again() sends all once more, at all ranks.
  bool send_rest();
  void again();
  // Waits for them: the gradients are the sums times `factor`, the same at all ranks.
  void finish(double factor);

  // How many there are, and of how many the last step's watcher sent.
  size_t count() const { return buckets_.size(); }
  size_t sent_early() const { return early_; }

 private:
  struct Place {
    size_t bucket, index;
    int64_t arrivals = 0, expected = 0;
    bool there = false;
  };
  struct Bucket {
    FlatGradients gradients;
    std::shared_ptr<std::vector<float>> flat;
    std::shared_ptr<std::vector<BFloat16>> halves;  // if they travel so
    size_t missing = 0;
    int64_t ticket = 0;
  };

  void arrived(const Node* leaf, const Tensor& sum, int64_t arrivals);
  void send_those_ready();
  void send(Bucket& bucket);

  Communicator& ranks_;
  const DType travel_;
  std::vector<Bucket> buckets_;
  std::map<const Node*, Place> places_;
  size_t next_ = 0, early_ = 0;
  bool watched_ = false, late_ = false;
};

}  // namespace papilio::nn
