// The emulated device for tests in Python, which call these by ctypes: what another library would
// ask of it, and the order that came about.
#include <Python.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "kernels/cuda/on_device.h"
#include "kernels/cuda/streams.h"
#include "tests/emulator/device.h"
#include "tests/emulator/streams.h"

#define PAPILIO_TO_PYTHON extern "C" __attribute__((visibility("default")))

using papilio::cuda::stream_handle;
using papilio::cuda::StreamNumber;

namespace {

std::atomic<int> waits = 0, waits_with_lock = 0;

void count_wait() {
  ++waits;
  waits_with_lock += PyGILState_Check();
}

}  // namespace

// A new stream of another library's.
PAPILIO_TO_PYTHON StreamNumber emulated_stream(int device) {
  const papilio::cuda::OnDevice on(device);
  cudaStream_t stream = nullptr;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  return reinterpret_cast<StreamNumber>(stream);
}
PAPILIO_TO_PYTHON StreamNumber emulated_own_stream(int device) {
  return papilio::cuda::stream_number(device);
}
// One more piece of work.
PAPILIO_TO_PYTHON void emulated_ask(StreamNumber stream) {
  emulator::ask(stream_handle(stream));
}
PAPILIO_TO_PYTHON void emulated_order(StreamNumber earlier, StreamNumber later, int device) {
  papilio::cuda::order_streams(earlier, later, device);
}
PAPILIO_TO_PYTHON bool emulated_waits_for(StreamNumber stream, StreamNumber other) {
  return emulator::waits_for_all_of(stream_handle(stream), stream_handle(other));
}
PAPILIO_TO_PYTHON bool emulated_host_waited_for(StreamNumber other) {
  return emulator::host_waited_for_all_of(stream_handle(other));
}
// How often the host waits from now on, and how often its thread has Python's lock then.
PAPILIO_TO_PYTHON void emulated_count_waits() {
  waits = waits_with_lock = 0;
  emulator::before_host_waits(count_wait);
}
PAPILIO_TO_PYTHON int emulated_waits() {
  return waits;
}
PAPILIO_TO_PYTHON int emulated_waits_with_lock() {
  return waits_with_lock;
}
PAPILIO_TO_PYTHON size_t emulated_allocations() {
  return emulator::allocations_alive();
}
