#include "tests/emulator/streams.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <set>

#include "tests/emulator/device.h"
#include "tests/emulator/graph.h"

namespace {

std::mutex mutex;
int streams = 0, events = 0;
EmulatedStream host = {.device = -1, .waited = {}};  // what it has waited for
std::set<const EmulatedStream*> blocking;
std::atomic<void (*)()> before_wait = nullptr;

// cudaStreamLegacy and cudaStreamPerThread, the handles 1 and 2, are streams of the device in use.
// A thread's outlives it: others may wait for what it was asked for.
EmulatedStream* stream_of(cudaStream_t handle) {
  static EmulatedStream* legacy[emulator::kDevices] = {};
  thread_local EmulatedStream* own[emulator::kDevices] = {};
  const auto number = reinterpret_cast<uintptr_t>(handle);
  if (number != 1 && number != 2) return handle;
  int device = 0;
  cudaGetDevice(&device);
  EmulatedStream*& found = (number == 1 ? legacy : own)[device];
  if (found == nullptr) {
    found = new EmulatedStream{.device = device, .blocking = number == 2, .waited = {}};
    if (found->blocking) blocking.insert(found);
  }
  return found;
}
void host_waits() {
  if (const auto f = before_wait.load()) f();
}
bool is_legacy(cudaStream_t handle) {
  return reinterpret_cast<uintptr_t>(handle) == 1;
}

void wait_for(EmulatedStream& waiting, const EmulatedStream* other, int64_t asked) {
  if (&waiting == other) return;
  int64_t& waited = waiting.waited[other];
  waited = std::max(waited, asked);
}

}  // namespace

namespace emulator {

int device_of(cudaStream_t stream) {
  const std::lock_guard lock(mutex);
  return stream_of(stream)->device;
}
void ask(cudaStream_t stream) {
  const std::lock_guard lock(mutex);
  ++stream_of(stream)->asked;
}
bool waits_for_all_of(cudaStream_t stream, cudaStream_t other) {
  const std::lock_guard lock(mutex);
  const EmulatedStream* first = stream_of(other);
  return stream_of(stream)->waited[first] == first->asked;
}
bool host_waited_for_all_of(cudaStream_t other) {
  const std::lock_guard lock(mutex);
  const EmulatedStream* first = stream_of(other);
  return host.waited[first] == first->asked;
}
void before_host_waits(void (*f)()) {
  before_wait = f;
}
int streams_alive() {
  const std::lock_guard lock(mutex);
  return streams;
}
int events_alive() {
  const std::lock_guard lock(mutex);
  return events;
}

}  // namespace emulator

// Everything is done when it is asked for: streams and events only count it. The default stream is
// an error wherever one is given.
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  int device = 0;
  cudaGetDevice(&device);
  const std::lock_guard lock(mutex);
  *stream = new EmulatedStream{
      .device = device, .blocking = (flags & cudaStreamNonBlocking) == 0, .waited = {}};
  if ((*stream)->blocking) blocking.insert(*stream);
  ++streams;
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  if (stream == nullptr) return emulator::keep_error(cudaErrorInvalidResourceHandle);
  const std::lock_guard lock(mutex);
  blocking.erase(stream);
  delete stream;
  --streams;
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  if (stream == nullptr) return emulator::keep_error(cudaErrorInvalidResourceHandle);
  const std::lock_guard lock(mutex);
  if (event->stream == nullptr) return cudaSuccess;
  EmulatedStream& waiting = *stream_of(stream);
  wait_for(waiting, event->stream, event->asked);
  for (const auto& [other, asked] : event->waited) wait_for(waiting, other, asked);
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (stream == nullptr) return emulator::keep_error(cudaErrorInvalidResourceHandle);
  if (const cudaError_t status = emulator::not_in_a_graph(); status != cudaSuccess) return status;
  host_waits();
  const std::lock_guard lock(mutex);
  const EmulatedStream* done = stream_of(stream);
  wait_for(host, done, done->asked);
  return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  int device = 0;
  cudaGetDevice(&device);
  const std::lock_guard lock(mutex);
  *event = new EmulatedEvent{.device = device};
  ++events;
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const std::lock_guard lock(mutex);
  delete event;
  --events;
  return cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t, cudaEvent_t) {
  *milliseconds = 0;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  if (stream == nullptr) return emulator::keep_error(cudaErrorInvalidResourceHandle);
  const std::lock_guard lock(mutex);
  EmulatedStream* recorded = stream_of(stream);
  if (recorded->device != event->device)
    return emulator::keep_error(cudaErrorInvalidResourceHandle);
  *event = {event->device, recorded, recorded->asked, recorded->waited};
  if (is_legacy(stream))
    for (const EmulatedStream* other : blocking)
      if (other->device == event->device) event->waited[other] = other->asked;
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t) {
  host_waits();
  return emulator::not_in_a_graph();
}
