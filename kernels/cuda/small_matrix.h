// Small matrices, each by a whole block in shared memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "kernels/cuda/row.h"

namespace papilio::cuda {

struct WholeBlock {
  int rank = int(threadIdx.x), size = int(blockDim.x);
  __device__ void sync() const { __syncthreads(); }
  template <class C>
  __device__ C largest(C value) const {
    return join_block(value, Larger());
  }
};

// f(i, j, e) for the team's share of an n x n matrix's entries, e = i n + j.
template <class Team, class Size, class F>
__device__ void for_entries(Team team, Size n, F f) {
  for (int e = team.rank; e < n * n; e += team.size) f(e / n, e % n, e);
}

// out = left right, both given by entry: left(i, k), right(k, j). Ends with a sync.
template <class C, class Team, class Size, class Left, class Right>
__device__ void multiply(Team team, Size n, C* out, Left left, Right right) {
  for_entries(team, n, [&](int i, int j, int e) {
    C sum = left(i, 0) * right(0, j);
    for (int k = 1; k < n; ++k) sum += left(i, k) * right(k, j);
    out[e] = sum;
  });
  team.sync();
}

// The most that a block of the device in use may have: more than the usual 48 KiB must be asked for
// (100 to 228 KiB on GPUs since sm_80).
inline size_t largest_shared() {
  int bytes = 0;
  check(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device_in_use()),
        "cudaDeviceGetAttribute");
  return size_t(bytes);
}

// `batch` n x n matrices, a block each, which works in `bytes` of memory: shared if that
// suffices, else the device's.
class BlockWork {
 public:
  BlockWork(int64_t batch, int64_t n, size_t bytes)
      : n_(n),
        bytes_((bytes + 15) / 16 * 16),
        is_shared_(bytes_ + kReductions <= largest_shared()),
        blocks_(blocks_for(batch, 1)) {
    if (!is_shared_) blocks_ = std::min(blocks_, unsigned(multiprocessors()) * kBlocksInDevice);
  }

  // kernel(arguments..., device, bytes), which hands the last two to block_work().
  template <class... Parameters, class... Arguments>
  void launch(void (*kernel)(Parameters...), Arguments&&... arguments) const {
    const size_t shared = is_shared_ ? bytes_ : 0;
    if (shared > kUsual)
      check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(shared)),
            "cudaFuncSetAttribute");
    const Scratch<unsigned char> scratch(is_shared_ ? 0 : int64_t(blocks_ * bytes_));
    const unsigned threads = unsigned(n_ <= 32 ? kWarp : kBlock);  // a warp for small ones
    cuda::launch(kernel, blocks_, threads, shared, stream(), std::forward<Arguments>(arguments)...,
                 scratch.data(), bytes_);
  }

 private:
  static constexpr size_t kReductions = 1 << 10;  // what the kernels' sums and maxima take
  static constexpr size_t kUsual = 47 << 10;      // with them, what every launch may have
  static constexpr unsigned kBlocksInDevice = 4;  // a multiprocessor
  int64_t n_;
  size_t bytes_;
  bool is_shared_;
  unsigned blocks_;
};

template <class C>
__device__ C* block_work(unsigned char* device, size_t bytes) {
  DYNAMIC_SHARED(unsigned char, shared);
  return reinterpret_cast<C*>(device != nullptr ? device + blockIdx.x * bytes : shared);
}

}  // namespace papilio::cuda
