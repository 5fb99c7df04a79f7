// Who wants to know of gradients while a backward pass still runs.
#pragma once

#include <cstdint>
#include <functional>

#include "tensor/tensor.h"

namespace papilio {

// A leaf that a gradient has come to; what has come to it in this pass so far, whose memory may
// still change; and how many gradients that was.
using GradientArrived = std::function<void(const Node* leaf, const Tensor& sum, int64_t arrivals)>;

// While it lives, this thread's backward passes call `arrived` at each gradient that comes to a
// leaf. They add the sum to grad(leaf) at their end.
class GradientWatch {
 public:
  explicit GradientWatch(GradientArrived arrived);
  ~GradientWatch();
  GradientWatch(const GradientWatch&) = delete;
  GradientWatch& operator=(const GradientWatch&) = delete;

  // The one that this thread's passes call, or null.
  static const GradientArrived* current();

 private:
  GradientArrived arrived_;
  const GradientArrived* before_;
};

}  // namespace papilio
