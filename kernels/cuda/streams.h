// Streams by their numbers, as the run time takes them.
#pragma once

#include "kernels/cuda/runtime.h"
#include "kernels/cuda_streams.h"

namespace papilio::cuda {

// The run time gives the default streams the handles 1 and 2 (cudaStreamLegacy,
// cudaStreamPerThread).
inline cudaStream_t stream_handle(StreamNumber number) {
  return reinterpret_cast<cudaStream_t>(number);  // NOLINT(performance-no-int-to-ptr): it is one
}

}  // namespace papilio::cuda
