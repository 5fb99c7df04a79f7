#include "kernels/cuda/stopwatch.h"

#include "kernels/cuda/event.h"
#include "kernels/cuda/runtime.h"

namespace papilio::cuda {

double seconds_on_device(const std::function<void()>& work, int index) {
  use_device(index);
  Event begin, end;
  begin.record(stream());
  work();
  end.record(stream());
  check(cudaEventSynchronize(end), "cudaEventSynchronize");
  float milliseconds = 0;
  check(cudaEventElapsedTime(&milliseconds, begin, end), "cudaEventElapsedTime");
  return 1e-3 * double(milliseconds);
}

}  // namespace papilio::cuda
