#include "kernels/dropout.h"

#include <cstdint>

#include "kernels/cuda/graph.h"
#include "kernels/cuda/launch.h"
#include "kernels/philox.h"

namespace papilio::cuda {
namespace {

// Four elements a thread: one block of the stream has four words.
template <class T>
__global__ void drop(T* y, const T* x, int64_t n, uint64_t threshold, compute_t<T> scale,
                     uint64_t seed, uint64_t first_block, const uint64_t* shift) {
  using C = compute_t<T>;
  if (shift != nullptr) first_block += *shift / 4;
  for (int64_t b = first_element(); 4 * b < n; b += grid_stride()) {
    const Philox4 four = philox_block(seed, first_block + uint64_t(b));
    for (int64_t i = 4 * b; i < n && i < 4 * b + 4; ++i)
      y[i] = four.word[i % 4] < threshold ? T(C(0)) : T(C(x[i]) * scale);
  }
}

}  // namespace

void dropout(View y, ConstView x, double p, uint64_t seed, uint64_t offset) {
  const int64_t n = x.numel();
  const uint64_t threshold = bernoulli_threshold(p);
  dispatch_floating(x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const C scale = threshold > UINT32_MAX ? C(0) : C(1 / (1 - p));  // p = 1 drops all
    launch(drop<T>, blocks_for(n, 4 * kBlock), kBlock, 0, stream(), y.as<T>(), x.as<T>(), n,
           threshold, scale, seed, offset / 4, random_shift());
  });
}

}  // namespace papilio::cuda
