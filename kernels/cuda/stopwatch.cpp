#include "kernels/cuda/stopwatch.h"

#include "kernels/cuda/runtime.h"

namespace papilio::cuda {
namespace {

class Event {
 public:
  Event() { check(cudaEventCreateWithFlags(&event_, 0), "cudaEventCreateWithFlags"); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record() { check(cudaEventRecord(event_, stream()), "cudaEventRecord"); }
  double seconds_since(const Event& begin) const {
    check(cudaEventSynchronize(event_), "cudaEventSynchronize");
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, begin.event_, event_), "cudaEventElapsedTime");
    return 1e-3 * double(milliseconds);
  }

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace

double seconds_on_device(const std::function<void()>& work, int index) {
  use_device(index);
  Event begin, end;
  begin.record();
  work();
  end.record();
  return end.seconds_since(begin);
}

}  // namespace papilio::cuda
