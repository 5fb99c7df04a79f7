#include "tests/emulator/streams.h"

#include <algorithm>
#include <mutex>

#include "tests/emulator/device.h"
#include "tests/emulator/graph.h"

namespace {

std::mutex mutex;
int streams = 0, events = 0;

}  // namespace

namespace emulator {

int device_of(cudaStream_t stream) {
  return stream->device;
}
void ask(cudaStream_t stream) {
  const std::lock_guard lock(mutex);
  ++stream->asked;
}
bool waits_for_all_of(cudaStream_t stream, cudaStream_t other) {
  const std::lock_guard lock(mutex);
  return stream->waited[other] == other->asked;
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
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  int device = 0;
  cudaGetDevice(&device);
  const std::lock_guard lock(mutex);
  *stream = new EmulatedStream{.device = device, .waited = {}};
  ++streams;
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  if (stream == nullptr) return emulator::keep_error(cudaErrorInvalidResourceHandle);
  const std::lock_guard lock(mutex);
  delete stream;
  --streams;
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  if (stream == nullptr) return emulator::keep_error(cudaErrorInvalidResourceHandle);
  const std::lock_guard lock(mutex);
  if (event->stream == nullptr) return cudaSuccess;
  int64_t& waited = stream->waited[event->stream];
  waited = std::max(waited, event->asked);
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (stream == nullptr) return emulator::keep_error(cudaErrorInvalidResourceHandle);
  return emulator::not_in_a_graph();
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  const std::lock_guard lock(mutex);
  *event = new EmulatedEvent;
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
  *event = {stream, stream->asked};
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t) {
  return emulator::not_in_a_graph();
}
