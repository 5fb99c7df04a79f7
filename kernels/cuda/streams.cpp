#include "kernels/cuda/streams.h"

#include "kernels/cuda/event.h"
#include "kernels/cuda/on_device.h"
#include "kernels/cuda/runtime.h"
#include "kernels/cuda_graph.h"
#include "kernels/error.h"

namespace papilio::cuda {

StreamNumber stream_number(int device) {
  const OnDevice on(device);
  return reinterpret_cast<StreamNumber>(stream());
}

void order_streams(StreamNumber earlier, StreamNumber later, int device) {
  if (earlier == later) return;
  if (recording())
    throw Error(
        "cuda graph: the order of another library's stream cannot be recorded: its work is no part "
        "of the graph");
  const OnDevice on(device);
  Event done(cudaEventDisableTiming);
  done.record(stream_handle(earlier));
  check(cudaStreamWaitEvent(stream_handle(later), done, 0), "cudaStreamWaitEvent");
}

}  // namespace papilio::cuda
