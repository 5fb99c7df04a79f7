#include "tests/emulator/device.h"

#include "tests/emulator/block.h"
#include "tests/emulator/graph.h"
#include "tests/emulator/streams.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>

namespace emulator {
namespace {

constexpr size_t kRange = size_t(1) << 40;   // addresses; pages come when they are touched
constexpr size_t kAlign = 256, kZone = 256;  // before and after each allocation
constexpr size_t kLarge = size_t(2) << 20;   // poisoned at its ends only
constexpr size_t kEnd = size_t(64) << 10, kSpare = size_t(64) << 10;
constexpr unsigned char kZoneByte = 0xff;  // NaN, for kernels that read there

std::recursive_mutex mutex;
cudaError_t last_error = cudaSuccess;
thread_local int device_now = 0;
thread_local int first_device = 0;
char pool_of[kDevices];  // their addresses stand for pools
size_t shared_limit = kMaxSharedOptin;

class Memory {
 public:
  Memory() {
    void* range =
        mmap(nullptr, kRange, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range == MAP_FAILED) std::perror("emulator: device memory"), std::abort();
    base_ = static_cast<unsigned char*>(range);
  }

  // First fit. Fresh memory is full of NaN, large blocks at their ends only: pages that nobody
  // touches cost nothing when the memory is opened and closed.
  void* take(size_t bytes) {
    const size_t size = whole(bytes);
    if (used_ + size > std::min(total_, kRange)) return nullptr;
    size_t at = 0;
    for (const auto& [begin, b] : blocks_) {
      if (begin - at >= size) break;
      at = begin + whole(b);
    }
    if (at + size > kRange) return nullptr;
    blocks_[at] = bytes;
    used_ += size;
    if (at + size > end_) {
      end_ = at + size;
      protect();
    }
    poison(at, size);
    return base_ + at + kZone;
  }

  bool give(void* data) {
    const auto found = find(data);
    if (found == blocks_.end()) return false;
    poison(found->first, whole(found->second));  // uses after the end read NaN
    used_ -= whole(found->second);
    blocks_.erase(found);
    shrink();
    return true;
  }

  void open() {
    if (opened_++ == 0) protect();
  }
  void close() {
    if (--opened_ == 0) protect();
  }

  // Zones that were written are mended, so that the next launch is judged by itself.
  std::string written_zone() {
    std::string report;
    const auto mend = [&](unsigned char* zone, size_t n, const char* where, size_t bytes) {
      if (std::all_of(zone, zone + n, [](unsigned char byte) { return byte == kZoneByte; })) return;
      std::memset(zone, kZoneByte, n);
      if (report.empty())
        report =
            std::string("wrote ") + where + " an allocation of " + std::to_string(bytes) + " bytes";
    };
    for (const auto& [begin, bytes] : blocks_) {
      unsigned char* zone = base_ + begin;
      mend(zone, kZone, "before", bytes);
      mend(zone + kZone + bytes, whole(bytes) - kZone - bytes, "behind", bytes);
    }
    return report;
  }

  size_t alive() const { return blocks_.size(); }
  size_t free() const { return total_ - std::min(total_, used_); }
  size_t total() const { return total_; }
  void set_total(size_t bytes) { total_ = bytes; }

 private:
  static size_t pages(size_t bytes) { return (bytes + 4095) / 4096 * 4096; }
  static size_t whole(size_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign + 2 * kZone; }
  std::map<size_t, size_t>::iterator find(void* data) {
    return blocks_.find(size_t(static_cast<unsigned char*>(data) - base_) - kZone);
  }
  void poison(size_t at, size_t size) {
    const size_t part = size > kLarge ? kEnd : size;
    open();
    if (size > kLarge) madvise(base_ + pages(at), (size - 4095) / 4096 * 4096, MADV_DONTNEED);
    std::memset(base_ + at, kZoneByte, part);
    if (part < size) std::memset(base_ + at + size - part, kZoneByte, part);
    close();
  }
  // Opening and closing costs time for every page that was touched: those behind the last
  // allocation are closed for good and given back, but for a few that are soon used again.
  void shrink() {
    const size_t last =
        blocks_.empty() ? 0 : blocks_.rbegin()->first + whole(blocks_.rbegin()->second);
    if (!closes() || end_ < last + 2 * kSpare) return;
    const size_t keep = pages(last + kSpare), size = pages(end_) - keep;
    mprotect(base_ + keep, size, PROT_NONE);
    madvise(base_ + keep, size, MADV_DONTNEED);
    end_ = keep;
  }
  // Two system calls a kernel: one of the three orders is enough to pay for them.
  void protect() const {
    if (end_ > 0 && (closes() || opened_ > 0))
      mprotect(base_, pages(end_), opened_ > 0 ? PROT_READ | PROT_WRITE : PROT_NONE);
  }
  static bool closes() {
    static const bool result = order().kind == Order::forward;
    return result;
  }

  unsigned char* base_;
  std::map<size_t, size_t> blocks_;  // where each begins (zone included): the bytes asked for
  size_t used_ = 0, end_ = 0, total_ = size_t(1) << 30;
  int opened_ = 0;
};

Memory& memory() {
  static Memory& instance = *new Memory;
  return instance;
}

}  // namespace

DeviceMemoryOpen::DeviceMemoryOpen() {
  mutex.lock();
  memory().open();
}
DeviceMemoryOpen::~DeviceMemoryOpen() {
  memory().close();
  mutex.unlock();
}

std::string check_zones() {
  return memory().written_zone();
}

cudaError_t keep_error(cudaError_t status) {
  const std::lock_guard lock(mutex);
  if (status != cudaSuccess) last_error = status;
  return status;
}

size_t allocations_alive() {
  const std::lock_guard lock(mutex);
  return memory().alive();
}
void set_total_memory(size_t bytes) {
  const std::lock_guard lock(mutex);
  memory().set_total(bytes);
}
void set_max_shared(size_t bytes) {
  shared_limit = bytes;
}
size_t max_shared() {
  return shared_limit;
}
void see_devices_from(int k) {
  first_device = k;
}
int device_of_machine(int device) {
  return first_device + device;
}

}  // namespace emulator

using emulator::keep_error;
using emulator::memory;

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInvalidConfiguration:
      return "invalid configuration argument";
    case cudaErrorInvalidDevice:
      return "invalid device ordinal";
    case cudaErrorInvalidResourceHandle:
      return "invalid resource handle";
    case cudaErrorNotReady:
      return "device not ready";
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
    case cudaErrorIllegalAddress:
      return "an illegal memory access was encountered";
    default:
      return "unspecified launch failure";
  }
}

cudaError_t cudaGetLastError() {
  const std::lock_guard lock(emulator::mutex);
  return std::exchange(emulator::last_error, cudaSuccess);
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = emulator::kDevices;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = emulator::device_now;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= emulator::kDevices) return keep_error(cudaErrorInvalidDevice);
  emulator::device_now = device;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
      *value = 1;  // so that kernels have to walk on in steps of a small grid
      break;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      *value = 48 * 1024;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = int(emulator::max_shared());
      break;
    case cudaDevAttrMemoryPoolsSupported:
      *value = device + 1 < emulator::kDevices;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = 9;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = 0;
      break;
  }
  return cudaSuccess;
}
cudaError_t cudaDeviceGetPCIBusId(char* text, int length, int device) {
  std::snprintf(text, size_t(length), "0000:%02x:00.0", 0x3b + emulator::device_of_machine(device));
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  const std::lock_guard lock(emulator::mutex);
  *free = memory().free();
  *total = memory().total();
  return cudaSuccess;
}

cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* properties) {
  *pool = reinterpret_cast<cudaMemPool_t>(&emulator::pool_of[properties->location.id]);
  return cudaSuccess;
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) {
  return cudaSuccess;
}
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t, size_t) {
  return cudaSuccess;
}
cudaError_t cudaMallocFromPoolAsync(void** data, size_t bytes, cudaMemPool_t pool,
                                    cudaStream_t stream) {
  if (stream == nullptr ||
      reinterpret_cast<char*>(pool) != &emulator::pool_of[emulator::device_of(stream)])
    return keep_error(cudaErrorInvalidResourceHandle);
  // A graph could hold nodes that allocate; Papilio's holds none.
  if (const cudaError_t status = emulator::not_in_a_graph(); status != cudaSuccess) return status;
  return cudaMalloc(data, bytes);
}
cudaError_t cudaMalloc(void** data, size_t bytes) {
  const std::lock_guard lock(emulator::mutex);
  *data = memory().take(bytes);
  return *data != nullptr ? cudaSuccess : keep_error(cudaErrorMemoryAllocation);
}
cudaError_t cudaFreeAsync(void* data, cudaStream_t stream) {
  if (stream == nullptr) return keep_error(cudaErrorInvalidResourceHandle);
  if (const cudaError_t status = emulator::not_in_a_graph(); status != cudaSuccess) return status;
  return cudaFree(data);
}
cudaError_t cudaFree(void* data) {
  const std::lock_guard lock(emulator::mutex);
  return memory().give(data) ? cudaSuccess : keep_error(cudaErrorInvalidValue);
}
cudaError_t cudaMallocHost(void** data, size_t bytes) {
  *data = std::malloc(bytes);
  return *data != nullptr ? cudaSuccess : keep_error(cudaErrorMemoryAllocation);
}
cudaError_t cudaFreeHost(void* data) {
  std::free(data);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* dst, const void* src, size_t bytes, cudaMemcpyKind,
                            cudaStream_t stream) {
  if (stream == nullptr) return keep_error(cudaErrorInvalidResourceHandle);
  emulator::ask(stream);
  return emulator::perform([=] {
    const emulator::DeviceMemoryOpen open;
    if (bytes > 0) std::memcpy(dst, src, bytes);
    return cudaSuccess;
  });
}
cudaError_t cudaMemsetAsync(void* data, int value, size_t bytes, cudaStream_t stream) {
  if (stream == nullptr) return keep_error(cudaErrorInvalidResourceHandle);
  emulator::ask(stream);
  return emulator::perform([=] {
    const emulator::DeviceMemoryOpen open;
    if (bytes > 0) std::memset(data, value, bytes);
    return cudaSuccess;
  });
}
