#include "tensor/storage.h"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernels/cuda.h"
#include "tensor/available_memory.h"
#include "tensor/detail/dry_block.h"
#include "tensor/dry_run.h"
#include "tensor/error.h"

#if defined(__SANITIZE_ADDRESS__)
#define PAPILIO_NO_CACHE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PAPILIO_NO_CACHE 1
#endif
#endif

namespace papilio {

namespace {
constexpr size_t kAlignment = 64;
// Where tensors without elements lie: an offset from null would be undefined.
alignas(kAlignment) std::byte nowhere[kAlignment];
}  // namespace

// Rounds up to one of eight sizes between powers of two: at most 12.5 % is wasted and sizes meet
// again.
size_t size_class(size_t bytes) {
  if (bytes <= 8 * kAlignment) return (bytes + kAlignment - 1) / kAlignment * kAlignment;
  const size_t step = std::bit_floor(bytes - 1) / 8;
  return (bytes + step - 1) / step * step;
}

namespace {

class Cache {
 public:
  // nullptr if there is none. `makes_room`: rather than beyond the limit it gives back what is
  // kept.
  void* take(size_t bytes, bool makes_room) {
    // Above 2^62 rounding up could wrap; no machine has that much.
    if (told_to_fail(bytes) || bytes >= size_t(1) << 62) return nullptr;
    std::lock_guard lock(mutex_);
    const size_t size = size_class(bytes);
    void* data = nullptr;
    if (auto& blocks = free_[size]; !blocks.empty()) {
      data = blocks.back();
      blocks.pop_back();
      stats_.cached -= size;
    } else {
      const bool beyond = stats_.in_use + stats_.cached + size > most_;
      if (makes_room && stats_.cached > 0 && beyond) release_all();
      data = std::aligned_alloc(kAlignment, size);
      if (data == nullptr) {
        release_all();
        data = std::aligned_alloc(kAlignment, size);
      }
      if (data == nullptr) return nullptr;
    }
    ++stats_.allocations;
    stats_.in_use += size;
    stats_.peak_in_use = std::max(stats_.peak_in_use, stats_.in_use);
    return data;
  }

  void give(void* data, size_t bytes) {
    std::lock_guard lock(mutex_);
    const size_t size = size_class(bytes);
    stats_.in_use -= size;
#ifdef PAPILIO_NO_CACHE
    std::free(data);  // so that AddressSanitizer sees uses after the end
#else
    try {
      free_[size].push_back(data);
      stats_.cached += size;
    } catch (const std::bad_alloc&) {
      std::free(data);
    }
#endif
  }

  void clear() {
    std::lock_guard lock(mutex_);
    release_all();
  }
  MemoryStats stats() {
    std::lock_guard lock(mutex_);
    return stats_;
  }
  void keep_below(size_t bytes) {
    std::lock_guard lock(mutex_);
    most_ = bytes;
  }
  void reset_peak() {
    std::lock_guard lock(mutex_);
    stats_.peak_in_use = stats_.in_use;
  }
  void fail_in(uint64_t k) {
    std::lock_guard lock(mutex_);
    fail_in_ = k;
  }
  void fail_above(size_t bytes) {
    std::lock_guard lock(mutex_);
    fail_above_ = bytes;
  }
  bool told_to_fail(size_t bytes) {
    std::lock_guard lock(mutex_);
    return bytes > fail_above_ || (fail_in_ > 0 && --fail_in_ == 0);
  }

 private:
  void release_all() {
    for (auto& [size, blocks] : free_) {
      for (void* data : blocks) std::free(data);
      stats_.cached -= size * blocks.size();
      blocks.clear();
    }
#ifdef __GLIBC__
    ::malloc_trim(0);  // which keeps freed blocks below its own limit, too
#endif
  }

  std::mutex mutex_;
  std::unordered_map<size_t, std::vector<void*>> free_;
  MemoryStats stats_;
  uint64_t fail_in_ = 0;
  size_t fail_above_ = SIZE_MAX;
  size_t most_ = SIZE_MAX;
};

// Never destroyed: tensors with static lifetime may outlive every other object.
Cache& cache() {
  static Cache& instance = *new Cache;
  return instance;
}

}  // namespace

Storage::Storage(size_t bytes, Device device) : bytes_(bytes), device_(device) {
  check_available("allocate", device);
  if (bytes == 0) {
    data_ = nowhere;
    return;
  }
  if (DryRun::active()) {
    dry_ = std::make_unique<DryBlock>(bytes, device);
    return;
  }
  if (!device.is_cpu()) {
    if (cache().told_to_fail(bytes)) cuda::throw_out_of_memory(bytes, device.index);
    data_ = cuda::allocate(bytes, device.index);
    return;
  }
  data_ = cache().take(bytes, true);
  if (data_ == nullptr) {
    const MemoryStats stats = memory_stats();
    throw OutOfMemoryError(str("out of memory on ", device, ": requested ", bytes, " bytes; ",
                               stats.in_use, " in use by tensors, ", stats.cached, " cached"));
  }
}

Storage::Storage(void* data, size_t bytes, std::shared_ptr<void> owner, Device device)
    : data_(data), bytes_(bytes), device_(device), owner_(std::move(owner)) {}

Storage::~Storage() {
  if (bytes_ == 0 || data_ == nullptr || owner_ != nullptr) return;
  if (device_.is_cpu())
    cache().give(data_, bytes_);
  else
    cuda::release(data_, device_.index);
}

void* Storage::dry_values() const {
  return dry_->values();
}

void* take_block(size_t bytes) {
  void* const data = cache().take(bytes, false);
  if (data == nullptr) throw std::bad_alloc();
  return data;
}

void give_block(void* data, size_t bytes) noexcept {
  cache().give(data, bytes);
}

MemoryStats memory_stats() {
  return cache().stats();
}
void reset_peak_memory() {
  cache().reset_peak();
}
void empty_cache() {
  cache().clear();
}
void keep_memory_below(size_t bytes) {
  cache().keep_below(bytes);
}

// For tests: tests/tensor/faults.h declares them.
void fail_allocation(uint64_t k) {
  cache().fail_in(k);
}
void fail_allocations_above(size_t bytes) {
  cache().fail_above(bytes);
}

}  // namespace papilio
