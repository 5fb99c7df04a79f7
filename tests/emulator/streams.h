// The emulated device's streams and events.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <map>

// Work is done when it is asked for; what a stream would have waited for is counted.
struct EmulatedStream {
  int device;
  bool blocking = false;                            // the legacy default stream waits for it
  int64_t asked = 0;                                // so much work
  std::map<const EmulatedStream*, int64_t> waited;  // of others
};
struct EmulatedEvent {
  int device;
  cudaStream_t stream = nullptr;
  int64_t asked = 0;  // its end holds so much
  std::map<const EmulatedStream*, int64_t> waited = {};
};

namespace emulator {

// Whose stream it is.
int device_of(cudaStream_t stream);
// One more piece of work.
void ask(cudaStream_t stream);
// Does `stream`, or the host, wait for all that `other` was asked for so far?
bool waits_for_all_of(cudaStream_t stream, cudaStream_t other);
bool host_waited_for_all_of(cudaStream_t other);
// Calls f before each wait of the host's.
void before_host_waits(void (*f)());
// Those that were made and not destroyed.
int streams_alive();
int events_alive();

}  // namespace emulator
