// Batches that Python makes, one after the other.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "nn/data/batch_source.h"

namespace papilio::python {

// `next` gives the next batch each time that it is called: images (B, C, H, W) float32 and labels
// (B) int64. For a loader without shuffling, workers and beginning again: position i is batch i.
class PythonBatches : public nn::BatchSource {
 public:
  PythonBatches(nanobind::callable next, int64_t count) : next_(std::move(next)), count_(count) {}

  int64_t size() const override { return count_; }
  std::string name(int64_t position) const override;
  uint64_t digest() const override { return 0; }  // nothing tells what will come
  nn::Batch batch(const std::vector<int64_t>& positions, Generator& generator) const override;

 private:
  nanobind::callable next_;
  int64_t count_;
};

}  // namespace papilio::python
