// Computing shapes and memory without computing values.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "tensor/device.h"
#include "tensor/storage.h"

namespace papilio {

// While one lives, what its thread computes is counted and not done: new tensors have a shape, a
// dtype, a device and a graph, but no memory, and kernels are skipped, so that tensors from before
// keep their values. A whole training step takes milliseconds at any size. Random numbers are drawn
// from generators all the same: keep their states. Who reads a tensor of the run finds zeros while
// it lasts, and an Error afterwards.
class DryRun {
 public:
  DryRun();
  ~DryRun();
  DryRun(const DryRun&) = delete;
  DryRun& operator=(const DryRun&) = delete;

  // Is this thread in one?
  static bool active();

  // What the allocator of `device` would have handed out since the beginning, and kept for reuse:
  // `cached` counts only the run's own blocks, none of which goes back to the system.
  MemoryStats stats(Device device) const;
  // Gives the blocks that have no name yet this one, which outlives the run: record does so with
  // the name of the operation that made them.
  static void name_blocks(const char* operation);
  // The bytes of live blocks by their names; "" for those without.
  std::map<std::string, size_t> in_use_by_operation() const;

  class Counter;  // what the run's blocks report to

 private:
  std::shared_ptr<Counter> counter_;
  std::shared_ptr<Counter> outer_;
};

}  // namespace papilio
