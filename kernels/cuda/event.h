// A moment in a stream's work.
#pragma once

#include "kernels/cuda/runtime.h"

namespace papilio::cuda {

// An event of the device in use. It may go before its moment has come.
class Event {
 public:
  explicit Event(unsigned flags = 0) {
    check(cudaEventCreateWithFlags(&event_, flags), "cudaEventCreateWithFlags");
  }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  // When `stream` has done what it was asked for so far.
  void record(cudaStream_t stream) { check(cudaEventRecord(event_, stream), "cudaEventRecord"); }
  operator cudaEvent_t() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace papilio::cuda
