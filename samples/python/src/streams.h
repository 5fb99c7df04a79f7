// Arrays on a GPU change hands between our stream and that of another library.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>

#include "tensor/device.h"

namespace papilio::python {

// The other library's stream, by the number that Python's array API gives it: 1 (or None) the
// legacy default stream, 2 the thread's default stream, more than 2 a cudaStream_t, -1 none:
// whoever says so sees to the order. An array on the CPU has none, and None is all that may be
// said.
class PeerStream {
 public:
  // Throws ArgumentError or a TypeError, which begin with `operation`, for another number.
  PeerStream(const char* operation, Device device, nanobind::handle number);

  // Its next work begins after all that our stream was asked for; ours after its.
  void waits_for_ours() const;
  void ours_waits() const;
  // The same when the memory goes back, which may be on another thread, and where nothing may be
  // thrown.
  void waits_for_ours_at_the_end() const noexcept;
  void ours_waits_at_the_end() const noexcept;

 private:
  PeerStream at_the_end() const;

  Device device_;
  int64_t number_ = -1;
};

}  // namespace papilio::python
