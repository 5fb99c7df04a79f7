// The gradients of some parameters in one row of numbers, as they travel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tensor/tensor.h"

namespace papilio::nn {

// All gradients one behind another, then for each parameter how many ranks (or parts of a batch)
// have one: a parameter that none uses keeps none.
class FlatGradients {
 public:
  // Leaves, float32. Throws ArgumentError for others.
  explicit FlatGradients(std::vector<Tensor> parameters);

  // `flat` below is float32, (size), on any device.
  int64_t size() const { return size_; }
  const std::vector<Tensor>& parameters() const { return parameters_; }

  // Parameter i's: the sum of two gradients, each undefined if there is none.
  void put(size_t i, const Tensor& one, const Tensor& two, const Tensor& flat) const;
  // All as they are.
  void pack(const Tensor& flat) const;
  // They become these times `factor`.
  void unpack(const Tensor& flat, double factor) const;

 private:
  std::vector<Tensor> parameters_;
  std::vector<int64_t> offsets_;
  int64_t size_ = 0;
};

}  // namespace papilio::nn
