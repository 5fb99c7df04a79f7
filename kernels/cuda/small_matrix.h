// Small matrices, each by a whole block in shared memory.
#pragma once

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

// Memory in which each block works on its matrix: shared where that suffices, else the device's.
class BlockWork {
 public:
  BlockWork(int64_t batch, size_t bytes)
      : blocks_(blocks_for(batch, 1)),
        bytes_((bytes + 15) / 16 * 16),
        scratch_(bytes_ <= kShared ? 0 : int64_t(blocks_ * bytes_)) {}
  unsigned blocks() const { return blocks_; }
  size_t shared() const { return bytes_ <= kShared ? bytes_ : 0; }
  // For the kernel, which hands both to block_work().
  unsigned char* device() const { return scratch_.data(); }
  size_t bytes() const { return bytes_; }
  // A warp for small matrices.
  static unsigned threads(int64_t n) { return n <= 32 ? unsigned(kWarp) : unsigned(kBlock); }

 private:
  static constexpr size_t kShared = 47 << 10;  // of 48 KiB; reductions take some
  size_t blocks_, bytes_;
  Scratch<unsigned char> scratch_;
};

template <class C>
__device__ C* block_work(unsigned char* device, size_t bytes) {
  DYNAMIC_SHARED(unsigned char, shared);
  return reinterpret_cast<C*>(device != nullptr ? device + blockIdx.x * bytes : shared);
}

}  // namespace papilio::cuda
