// Gradients added up over all ranks while the backward pass still runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "autograd/gradient_watch.h"
#include "nn/parallel/communicator.h"
#include "nn/parallel/detail/flat_gradients.h"
#include "tensor/tensor.h"

namespace papilio::nn {

// Parameters lie in buckets in the order in which their gradients come: the first step with
// gradients finds it, at the first rank that has some, and it stays. All ranks have the same
// buckets in all steps, and so the same bits of sums; so has a run that goes on.
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

  // How many there are (0 before the first step with gradients), how many of the step are on their
  // way, and how many the last step's watcher sent.
  size_t count() const { return buckets_.size(); }
  size_t sent() const { return next_; }
  size_t sent_early() const { return early_; }
  // How many bytes all buckets have, as they travel.
  int64_t bytes() const;

 private:
  struct Place {
    size_t parameter;
    size_t bucket = 0, index = 0;
    int64_t arrivals = 0, expected = 0;
    int64_t last = -1;  // arrivals at all parameters before its last one
    bool there = false;
  };
  struct Bucket {
    FlatGradients gradients;
    Tensor flat;
    Tensor bfloat16 = {};  // if they travel so
    size_t missing = 0;
    int64_t ticket = 0;
  };

  std::vector<int64_t> order_of_arrival() const;
  // Makes the buckets; false if no rank has a gradient.
  bool agree_on_order();
  void make_buckets(const std::vector<int64_t>& order);
  void arrived(const Node* leaf, const Tensor& sum, int64_t arrivals);
  void put(Place& place, const Tensor& one, const Tensor& two);
  void send_those_ready();
  void send(Bucket& bucket);

  Communicator& ranks_;
  const std::vector<Tensor> parameters_;
  const DType travel_;
  Device device_;  // where buckets lie
  std::vector<Bucket> buckets_;
  std::map<const Node*, Place> places_;
  size_t next_ = 0, early_ = 0;
  int64_t arrivals_ = 0;
  bool watched_ = false, known_ = false, late_ = false;
};

}  // namespace papilio::nn
