// The place of a block of memory in a dry run.
#pragma once

#include <cstddef>
#include <memory>

#include "tensor/dry_run.h"

namespace papilio {

// The bytes that the CPU's allocator takes for a block of so many.
size_t size_class(size_t bytes);

// Counted as long as it lives.
class DryBlock {
 public:
  // A block of this thread's dry run.
  DryBlock(size_t bytes, Device device);
  ~DryBlock();
  DryBlock(const DryBlock&) = delete;
  DryBlock& operator=(const DryBlock&) = delete;

  // Zeros, for code that reads or writes values itself. Throws Error when the run is over.
  void* values();

 private:
  friend class DryRun::Counter;

  std::shared_ptr<DryRun::Counter> counter_;
  size_t size_;  // that the allocator would take
  size_t bytes_;
  Device device_;
  const char* operation_ = "";
  struct Free {
    void operator()(void* p) const;
  };
  std::unique_ptr<void, Free> zeros_;
};

}  // namespace papilio
