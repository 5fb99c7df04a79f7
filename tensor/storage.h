// A block of memory on a device, and the allocator that keeps blocks for the next step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "tensor/device.h"

namespace papilio {

class DryBlock;

// One allocation. Freed blocks go back to a cache and serve later tensors of similar size
// (first-touch page faults cost more than the arithmetic of a small model). Blocks are 64-byte
// aligned.
class Storage {
 public:
  // Uninitialised memory; in a DryRun (tensor/dry_run.h) none. Throws OutOfMemoryError.
  Storage(size_t bytes, Device device);
  // Memory owned by something else (a mapped file, another library); `owner` is kept alive.
  Storage(void* data, size_t bytes, std::shared_ptr<void> owner, Device device = Device::cpu());
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  // The memory, its bytes, and the device that it is on. Throws Error behind the end of a DryRun.
  void* data() const { return dry_ ? dry_values() : data_; }
  size_t bytes() const { return bytes_; }
  Device device() const { return device_; }
  // Counts in-place writes; autograd uses it to refuse a backward through values that have changed
  // since.
  uint64_t version() const { return version_; }
  void bump_version() { ++version_; }

 private:
  void* dry_values() const;

  void* data_ = nullptr;
  size_t bytes_ = 0;
  Device device_;
  uint64_t version_ = 0;
  std::shared_ptr<void> owner_;
  std::unique_ptr<DryBlock> dry_;
};

// A block of CPU memory from the same cache, for what is no tensor: `bytes` uninitialised bytes,
// 64-byte aligned. Throws std::bad_alloc. It goes back with the same number of bytes.
void* take_block(size_t bytes);
void give_block(void* data, size_t bytes) noexcept;

// In bytes, of CPU memory (a GPU's pool is the driver's: kernels/cuda.h). `in_use` counts live
// blocks, of tensors and others, `cached` the freed ones kept for reuse.
struct MemoryStats {
  size_t in_use = 0, cached = 0, peak_in_use = 0;
  uint64_t allocations = 0;  // blocks handed out since the start
};
MemoryStats memory_stats();
void reset_peak_memory();
// Returns every cached block to the system.
void empty_cache();

}  // namespace papilio
