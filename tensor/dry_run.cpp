#include "tensor/dry_run.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "tensor/detail/dry_block.h"
#include "tensor/error.h"

namespace papilio {

// The allocators' bookkeeping without their memory (tensor/storage.cpp): a freed block serves the
// next one of its size.
class DryRun::Counter {
 public:
  void take(DryBlock& block) {
    Side& side = of(block.device_);
    if (size_t& free = side.free[block.size_]; free > 0) {
      --free;
      side.stats.cached -= block.size_;
    }
    ++side.stats.allocations;
    side.stats.in_use += block.size_;
    side.stats.peak_in_use = std::max(side.stats.peak_in_use, side.stats.in_use);
    blocks_.insert(&block);
    unnamed_.insert(&block);
  }
  void give(DryBlock& block) {
    Side& side = of(block.device_);
    side.stats.in_use -= block.size_;
    side.stats.cached += block.size_;
    ++side.free[block.size_];
    blocks_.erase(&block);
    unnamed_.erase(&block);
  }
  void name(const char* operation) {
    for (DryBlock* block : unnamed_) block->operation_ = operation;
    unnamed_.clear();
  }
  std::map<std::string, size_t> by_operation() const {
    std::map<std::string, size_t> bytes;
    for (const DryBlock* block : blocks_) bytes[block->operation_] += block->size_;
    return bytes;
  }
  const MemoryStats& stats(Device device) { return of(device).stats; }

 private:
  struct Side {
    MemoryStats stats;
    std::map<size_t, size_t> free;  // blocks by their size
  };
  Side& of(Device device) { return sides_[device.is_cpu() ? 0 : 1]; }

  Side sides_[2];
  std::set<DryBlock*> blocks_, unnamed_;  // live ones
};

namespace {

thread_local std::shared_ptr<DryRun::Counter> current;

constexpr size_t kAlignment = 64;  // of the CPU's blocks

// A GPU's pool hands out multiples of 512 bytes.
size_t block_size(size_t bytes, Device device) {
  return device.is_cpu() ? size_class(bytes) : (bytes + 511) / 512 * 512;
}

}  // namespace

DryRun::DryRun()
    : counter_(std::make_shared<Counter>()), outer_(std::exchange(current, counter_)) {}

DryRun::~DryRun() {
  current = outer_;
}

bool DryRun::active() {
  return current != nullptr;
}

MemoryStats DryRun::stats(Device device) const {
  return counter_->stats(device);
}

void DryRun::name_blocks(const char* operation) {
  if (current != nullptr) current->name(operation);
}

std::map<std::string, size_t> DryRun::in_use_by_operation() const {
  return counter_->by_operation();
}

DryBlock::DryBlock(size_t bytes, Device device)
    : counter_(current), size_(block_size(bytes, device)), bytes_(bytes), device_(device) {
  counter_->take(*this);
}

DryBlock::~DryBlock() {
  counter_->give(*this);
}

void* DryBlock::values() {
  check<Error>(current != nullptr, "data: a tensor of a dry run has no values");
  if (zeros_ == nullptr) {
    zeros_.reset(std::aligned_alloc(kAlignment, size_class(bytes_)));
    check<OutOfMemoryError>(zeros_ != nullptr, "data: out of memory for ", bytes_, " bytes");
    std::fill_n(static_cast<unsigned char*>(zeros_.get()), bytes_, 0);
  }
  return zeros_.get();
}

void DryBlock::Free::operator()(void* p) const {
  std::free(p);
}

}  // namespace papilio
