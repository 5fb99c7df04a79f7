#include <cxxabi.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>

#include "kernels/cuda/runtime.h"
#include "kernels/cuda/synchronous.h"
#include "kernels/cuda_graph.h"
#include "kernels/error.h"

namespace papilio::cuda {

bool synchronous() {
  static const bool on = [] {
    const char* value = std::getenv("PAPILIO_CUDA_SYNC");
    return value != nullptr && *value != '\0' && *value != '0';
  }();
  return on;
}

namespace {

// "papilio::cuda::(anonymous namespace)::argmax_rows<float>(long*, float const*, long, long, long)"
std::string name_of(const void* kernel) {
  const char* mangled = nullptr;
  if (cudaFuncGetName(&mangled, kernel) != cudaSuccess || mangled == nullptr) {
    cudaGetLastError();
    return "kernel";
  }
  int status = 0;
  char* plain = abi::__cxa_demangle(mangled, nullptr, nullptr, &status);
  std::string name = status == 0 ? plain : mangled;
  std::free(plain);
  return name;
}

}  // namespace

void check_launch(cudaError_t status, const void* kernel, dim3 grid, dim3 block,
                  size_t shared_bytes, cudaStream_t stream) {
  if (status == cudaSuccess && synchronous() && !recording())
    status = cudaStreamSynchronize(stream);
  if (status == cudaSuccess) return;
  cudaGetLastError();
  std::ostringstream message;
  message << "cuda: " << name_of(kernel) << ", grid (" << grid.x << ", " << grid.y << ", " << grid.z
          << "), block (" << block.x << ", " << block.y << ", " << block.z << "), " << shared_bytes
          << " bytes shared: " << cudaGetErrorString(status);
  // Errors from 700 on but for one come from running, and are heard of later.
  if (!synchronous() && status >= cudaErrorIllegalAddress &&
      status != cudaErrorLaunchOutOfResources)
    message << " (in this kernel or one before it; PAPILIO_CUDA_SYNC=1 tells)";
  throw Error(message.str());
}

unsigned blocks_for(int64_t n, int64_t per_block) {
  const int64_t all = (n + per_block - 1) / per_block;
  return unsigned(std::min(all, int64_t(multiprocessors()) * 32));
}

}  // namespace papilio::cuda
