#include "kernels/cuda/runtime.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernels/error.h"

namespace papilio::cuda {
namespace {

constexpr size_t kStaging = size_t(4) << 20;  // bytes of a pinned buffer

// Pinned host memory and the moment from which it may be used again.
struct Staging {
  void* data = nullptr;
  cudaEvent_t free = nullptr;
};

// What a device needs once: made at its first use, never taken down (the driver outlives nothing).
struct DeviceState {
  cudaStream_t stream = nullptr;
  cudaMemPool_t pool = nullptr;
  int multiprocessors = 0;
  std::mutex transfer;  // guards the staging buffers
  Staging staging[2];

  explicit DeviceState(int index) {
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    check(cudaDeviceGetDefaultMemPool(&pool, index), "cudaDeviceGetDefaultMemPool");
    uint64_t keep = UINT64_MAX;  // freed memory stays with the process, for the next step
    check(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &keep),
          "cudaMemPoolSetAttribute");
    check(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, index),
          "cudaDeviceGetAttribute");
  }

  // The k-th buffer, ready to be written.
  Staging& ready(int k) {
    Staging& s = staging[k];
    if (s.data == nullptr) {
      check(cudaEventCreateWithFlags(&s.free, cudaEventDisableTiming), "cudaEventCreateWithFlags");
      check(cudaMallocHost(&s.data, kStaging), "cudaMallocHost");
    } else {
      check(cudaEventSynchronize(s.free), "cudaEventSynchronize");
    }
    return s;
  }
};

DeviceState& state(int index) {
  static std::mutex mutex;
  static auto& states = *new std::vector<std::unique_ptr<DeviceState>>(size_t(device_count()));
  const std::lock_guard lock(mutex);
  auto& found = states.at(size_t(index));
  if (found == nullptr) {
    use_device(index);
    found = std::make_unique<DeviceState>(index);
  }
  return *found;
}

}  // namespace

void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // an error that passes must not be found again by the next call
  throw Error(std::string("cuda: ") + what + ": " + cudaGetErrorString(status));
}

int device_count() {
  static const int count = [] {
    int n = 0;
    if (cudaGetDeviceCount(&n) == cudaSuccess) return n;
    cudaGetLastError();  // no driver is no error
    return 0;
  }();
  return count;
}

void use_device(int index) {
  check(cudaSetDevice(index), "cudaSetDevice");
}

int device_in_use() {
  int index = 0;
  check(cudaGetDevice(&index), "cudaGetDevice");
  return index;
}

cudaStream_t stream() {
  return state(device_in_use()).stream;
}

int multiprocessors() {
  return state(device_in_use()).multiprocessors;
}

DeviceMemory memory(int device) {
  use_device(device);
  DeviceMemory m{};
  check(cudaMemGetInfo(&m.free, &m.total), "cudaMemGetInfo");
  return m;
}

void* allocate(size_t bytes, int device) {
  DeviceState& d = state(device);
  use_device(device);
  void* data = nullptr;
  cudaError_t status = cudaMallocAsync(&data, bytes, d.stream);
  if (status == cudaErrorMemoryAllocation) {  // once more with what the pool has kept
    cudaGetLastError();
    empty_cache(device);
    status = cudaMallocAsync(&data, bytes, d.stream);
  }
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    throw_out_of_memory(bytes, device);
  }
  check(status, "cudaMallocAsync");
  return data;
}

void throw_out_of_memory(size_t bytes, int device) {
  const DeviceMemory m = memory(device);
  throw OutOfMemoryError("out of memory on cuda:" + std::to_string(device) + ": requested " +
                         std::to_string(bytes) + " bytes; " + std::to_string(m.free) + " free of " +
                         std::to_string(m.total));
}

void release(void* data, int device) noexcept {
  // After a kernel's failure every call fails; whoever waits for the device hears of it.
  if (cudaSetDevice(device) == cudaSuccess) cudaFreeAsync(data, state(device).stream);
}

void empty_cache(int device) {
  synchronize(device);
  check(cudaMemPoolTrimTo(state(device).pool, 0), "cudaMemPoolTrimTo");
}

void synchronize(int device) {
  const DeviceState& d = state(device);
  use_device(device);
  check(cudaStreamSynchronize(d.stream), "cudaStreamSynchronize");
}

void copy_from_host(void* dst, const void* src, size_t bytes, int device) {
  DeviceState& d = state(device);
  use_device(device);
  const std::lock_guard lock(d.transfer);
  for (size_t at = 0, k = 0; at < bytes; at += kStaging, ++k) {
    const size_t n = std::min(kStaging, bytes - at);
    Staging& s = d.ready(int(k % 2));
    std::memcpy(s.data, static_cast<const char*>(src) + at, n);
    check(
        cudaMemcpyAsync(static_cast<char*>(dst) + at, s.data, n, cudaMemcpyHostToDevice, d.stream),
        "cudaMemcpyAsync");
    check(cudaEventRecord(s.free, d.stream), "cudaEventRecord");
  }
}

void copy_to_host(void* dst, const void* src, size_t bytes, int device) {
  DeviceState& d = state(device);
  use_device(device);
  const std::lock_guard lock(d.transfer);
  // While the host empties one buffer, the device fills the other.
  const auto fill = [&](size_t k) {
    const size_t at = k * kStaging;
    if (at >= bytes) return;
    Staging& s = d.ready(int(k % 2));
    check(cudaMemcpyAsync(s.data, static_cast<const char*>(src) + at,
                          std::min(kStaging, bytes - at), cudaMemcpyDeviceToHost, d.stream),
          "cudaMemcpyAsync");
    check(cudaEventRecord(s.free, d.stream), "cudaEventRecord");
  };
  fill(0);
  for (size_t at = 0, k = 0; at < bytes; at += kStaging, ++k) {
    fill(k + 1);
    const Staging& s = d.ready(int(k % 2));
    std::memcpy(static_cast<char*>(dst) + at, s.data, std::min(kStaging, bytes - at));
  }
}

}  // namespace papilio::cuda
