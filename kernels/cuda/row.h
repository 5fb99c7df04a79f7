// Rows of a matrix, a block each: what the threads of a block find out together about their row.
// Every reduction has a fixed order (each thread its own elements, then lanes by halving
// distances, then warps), so that results repeat bit for bit.
#pragma once

#include <cstdint>

#include "kernels/cuda/launch.h"
#include "kernels/detail/row_shape.h"

namespace papilio::cuda {

// Threads of a block for rows of n elements: whole warps, no more than there is work for.
inline unsigned row_block(int64_t n) {
  unsigned threads = kWarp;
  while (threads < unsigned(kBlock) && threads < n) threads *= 2;
  return threads;
}

struct Plus {
  template <class C>
  __device__ C operator()(C a, C b) const {
    return a + b;
  }
};
struct Smaller {
  template <class C>
  __device__ C operator()(C a, C b) const {
    return b < a ? b : a;
  }
};
// May skip NaN: what comes after the maximum (x - max) carries it on.
struct Larger {
  template <class C>
  __device__ C operator()(C a, C b) const {
    return a > b ? a : b;
  }
};

// The warp's values joined, in every lane.
template <class Join, class C>
__device__ C join_warp(C value, Join join) {
  for (int distance = kWarp / 2; distance > 0; distance /= 2)
    value = join(value, __shfl_xor_sync(kAllLanes, value, distance));
  return value;
}

// The block's values joined, in every thread; for blocks of whole warps. All threads call it.
template <class Join, class C>
__device__ C join_block(C value, Join join) {
  SHARED(C, warps, kWarp);
  const int lane = int(threadIdx.x) % kWarp, warp = int(threadIdx.x) / kWarp;
  value = join_warp(value, join);
  if (blockDim.x <= kWarp) return value;
  __syncthreads();  // whoever still reads the last call's result
  if (lane == 0) warps[warp] = value;
  __syncthreads();
  value = warps[0];
  for (int w = 1; w < int(blockDim.x) / kWarp; ++w) value = join(value, warps[w]);
  return value;
}

}  // namespace papilio::cuda
