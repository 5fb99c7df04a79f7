// Launching kernels, and what every kernel is written with. Included by .cu files only.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "kernels/cuda/runtime.h"

// Shared memory of a block: SHARED(float, tile, 32 * 33) declares tile[0 .. 32 * 33). The emulator
// (tests/emulator) has its own, which fill it with NaN when a block starts.
#ifndef PAPILIO_EMULATED
#define SHARED(T, name, count) __shared__ T name[count]
// The launch's `shared_bytes`, as elements of T.
#define DYNAMIC_SHARED(T, name)                                       \
  extern __shared__ __align__(16) unsigned char bytes_of_the_block[]; \
  T* const name = reinterpret_cast<T*>(bytes_of_the_block)
#endif

namespace papilio::cuda {

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffu;
// kernel<<<grid, block, shared_bytes, stream>>>(arguments...), checked. An empty grid is no launch.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes,
            cudaStream_t stream, Arguments&&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  const cudaError_t status =
      cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...);
  check_launch(status, reinterpret_cast<const void*>(kernel), grid, block, shared_bytes, stream);
}

// One element a thread, then on in steps of the grid, which blocks_for keeps within bounds:
//   for (int64_t i = first_element(); i < n; i += grid_stride()) ...
__device__ inline int64_t first_element() {
  return int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline int64_t grid_stride() {
  return int64_t(gridDim.x) * blockDim.x;
}

}  // namespace papilio::cuda
