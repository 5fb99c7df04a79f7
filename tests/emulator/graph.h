// CUDA graphs: what is asked of the device between cudaStreamBeginCapture and cudaStreamEndCapture
// is kept with its arguments, and done when the graph is launched.
#pragma once

#include <cuda_runtime_api.h>

#include <functional>

namespace emulator {

// Does `work`, or keeps it while a graph is recorded.
cudaError_t perform(std::function<cudaError_t()> work);
// While a graph is recorded: cudaErrorStreamCaptureUnsupported, kept for cudaGetLastError.
cudaError_t not_in_a_graph();

}  // namespace emulator
