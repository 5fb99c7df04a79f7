#include "kernels/cuda/runtime.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernels/cuda/graph.h"
#include "kernels/cuda/on_device.h"
#include "kernels/error.h"

namespace papilio::cuda {
namespace {

// Bytes of a pinned buffer. The host writes a small one while the device reads those before it.
constexpr size_t kStaging = size_t(4) << 20, kSmall = size_t(64) << 10;

// Pinned host memory and the moment from which it may be used again.
struct Staging {
  void* data = nullptr;
  cudaEvent_t free = nullptr;
};

// What a device needs once: made at its first use, never taken down (the driver outlives nothing).
struct DeviceState {
  cudaStream_t stream = nullptr;
  // A pool of its own: what others allocate from the default pool follows their rules.
  cudaMemPool_t pool = nullptr;
  int multiprocessors = 0;
  std::mutex transfer;  // guards the staging buffers
  Staging staging[2], small[8];
  size_t next_small = 0;

  explicit DeviceState(int index) {
    int has_pools = 0;
    check(cudaDeviceGetAttribute(&has_pools, cudaDevAttrMemoryPoolsSupported, index),
          "cudaDeviceGetAttribute");
    if (has_pools == 0)
      throw Error("cuda: device " + std::to_string(index) +
                  " has no memory pools (cudaMallocAsync), which all memory here comes from");
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    cudaMemPoolProps properties = {};
    properties.allocType = cudaMemAllocationTypePinned;
    properties.location.type = cudaMemLocationTypeDevice;
    properties.location.id = index;
    check(cudaMemPoolCreate(&pool, &properties), "cudaMemPoolCreate");
    uint64_t keep = UINT64_MAX;  // freed memory stays with the process, for the next step
    check(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &keep),
          "cudaMemPoolSetAttribute");
    check(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, index),
          "cudaDeviceGetAttribute");
  }

  // The k-th buffer, ready to be written.
  Staging& ready(int k) { return ready(staging[k], kStaging); }
  Staging& ready_small() { return ready(small[next_small++ % std::size(small)], kSmall); }

 private:
  static Staging& ready(Staging& s, size_t bytes) {
    if (s.data == nullptr) {
      check(cudaEventCreateWithFlags(&s.free, cudaEventDisableTiming), "cudaEventCreateWithFlags");
      check(cudaMallocHost(&s.data, bytes), "cudaMallocHost");
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
    const OnDevice on(index);
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

bool is_built() {
  return true;
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
  const OnDevice on(device);
  DeviceMemory m{};
  check(cudaMemGetInfo(&m.free, &m.total), "cudaMemGetInfo");
  return m;
}

void* allocate(size_t bytes, int device) {
  if (void* data = allocate_in_graph(bytes, device)) return data;
  DeviceState& d = state(device);
  const OnDevice on(device);
  void* data = nullptr;
  cudaError_t status = cudaMallocFromPoolAsync(&data, bytes, d.pool, d.stream);
  if (status == cudaErrorMemoryAllocation) {  // once more with what the pool has kept
    cudaGetLastError();
    empty_cache(device);
    status = cudaMallocFromPoolAsync(&data, bytes, d.pool, d.stream);
  }
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    throw_out_of_memory(bytes, device);
  }
  check(status, "cudaMallocFromPoolAsync");
  return data;
}

void throw_out_of_memory(size_t bytes, int device) {
  const DeviceMemory m = memory(device);
  throw OutOfMemoryError("out of memory on cuda:" + std::to_string(device) + ": requested " +
                         std::to_string(bytes) + " bytes; " + std::to_string(m.free) + " free of " +
                         std::to_string(m.total));
}

void release(void* data, int device) noexcept {
  if (release_in_graph(data)) return;
  // After a kernel's failure every call fails; whoever waits for the device hears of it.
  int before = device;
  cudaGetDevice(&before);
  if (cudaSetDevice(device) == cudaSuccess) cudaFreeAsync(data, state(device).stream);
  cudaSetDevice(before);
}

void empty_cache(int device) {
  synchronize(device);
  check(cudaMemPoolTrimTo(state(device).pool, 0), "cudaMemPoolTrimTo");
}

void synchronize(int device) {
  check_not_recording("waiting for the device");
  const DeviceState& d = state(device);
  const OnDevice on(device);
  check(cudaStreamSynchronize(d.stream), "cudaStreamSynchronize");
}

void copy_from_host(void* dst, const void* src, size_t bytes, int device) {
  DeviceState& d = state(device);
  const OnDevice on(device);
  if (const void* kept = keep_in_graph(src, bytes)) {
    check(cudaMemcpyAsync(dst, kept, bytes, cudaMemcpyHostToDevice, d.stream), "cudaMemcpyAsync");
    return;
  }
  const std::lock_guard lock(d.transfer);
  for (size_t at = 0, k = 0; at < bytes; at += kStaging, ++k) {
    const size_t n = std::min(kStaging, bytes - at);
    Staging& s = bytes <= kSmall ? d.ready_small() : d.ready(int(k % 2));
    std::memcpy(s.data, static_cast<const char*>(src) + at, n);
    check(
        cudaMemcpyAsync(static_cast<char*>(dst) + at, s.data, n, cudaMemcpyHostToDevice, d.stream),
        "cudaMemcpyAsync");
    check(cudaEventRecord(s.free, d.stream), "cudaEventRecord");
  }
}

void copy_to_host(void* dst, const void* src, size_t bytes, int device) {
  check_not_recording("a copy to the host");
  DeviceState& d = state(device);
  const OnDevice on(device);
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
