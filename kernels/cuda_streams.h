// Order between a device's stream and those of other libraries in this process, by events: the host
// waits for nothing.
#pragma once

#include <cstdint>

namespace papilio::cuda {

// A stream of any library, numbered as Python's array API does: 1 is the legacy default stream, 2
// the calling thread's default stream, and else the number is a cudaStream_t.
using StreamNumber = uintptr_t;
constexpr StreamNumber kLegacyStream = 1, kThreadStream = 2;

// The stream that everything on `device` goes to.
StreamNumber stream_number(int device);
// What `later` is asked for from now on begins when `earlier` has done what it was asked for so
// far; both are `device`'s. Throws Error while a graph is recorded.
void order_streams(StreamNumber earlier, StreamNumber later, int device);

}  // namespace papilio::cuda
