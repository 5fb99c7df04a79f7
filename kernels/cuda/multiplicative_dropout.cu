#include "kernels/multiplicative_dropout.h"

#include <cstdint>

#include "kernels/cuda/launch.h"

namespace papilio::cuda {
namespace {

// A thread for each entry of the blocks.
template <class T>
__global__ void replace(T* q, const int64_t* factor, const int64_t* blocks, int64_t count,
                        int64_t n, int64_t b, compute_t<T> diagonal) {
  for (int64_t e = first_element(); e < count * b * b; e += grid_stride()) {
    const int64_t block = *factor * n + blocks[e / (b * b)], i = e / b % b, j = e % b;
    q[(block * b + i) * b + j] = T(i == j ? diagonal : compute_t<T>(0));
  }
}

}  // namespace

void replace_blocks(View q, ConstView factor, ConstView blocks, double diagonal) {
  const int64_t n = q.size(1), b = q.size(2), count = blocks.size(0);
  dispatch_floating(q.dtype, [&]<class T>() {
    launch(replace<T>, blocks_for(count * b * b), kBlock, 0, stream(), q.as<T>(),
           factor.as<int64_t>(), blocks.as<int64_t>(), count, n, b, compute_t<T>(diagonal));
  });
}

}  // namespace papilio::cuda
