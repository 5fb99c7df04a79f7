#include "kernels/argmax.h"

#include <cstdint>

#include "kernels/cuda/launch.h"
#include "kernels/cuda/row.h"

namespace papilio::cuda {
namespace {

// An element and its place in the row; place n: none.
template <class C>
struct Candidate {
  C value;
  int64_t place;
};

// Larger first (a NaN above all), then the earlier place.
template <class C>
__device__ bool before(const Candidate<C>& a, const Candidate<C>& b) {
  const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
  if (a_nan != b_nan) return a_nan;
  if (a.value != b.value && !a_nan) return a.value > b.value;
  return a.place < b.place;
}

// A block for each output: every thread picks from its elements, then pairs of threads from each
// other, at half the distance each time.
template <class T>
__global__ void argmax_rows(int64_t* index, const T* x, int64_t outputs, int64_t n, int64_t inner) {
  using C = compute_t<T>;
  SHARED(C, values, kBlock);
  SHARED(int64_t, places, kBlock);
  const int t = int(threadIdx.x);
  for (int64_t o = blockIdx.x; o < outputs; o += gridDim.x) {
    const T* row = x + o / inner * n * inner + o % inner;
    Candidate<C> best{C(row[0]), n};
    for (int64_t i = t; i < n; i += blockDim.x) {
      const Candidate<C> mine{C(row[i * inner]), i};
      if (best.place == n || before(mine, best)) best = mine;
    }
    values[t] = best.value;
    places[t] = best.place;
    for (int distance = int(blockDim.x) / 2; distance > 0; distance /= 2) {
      __syncthreads();
      if (t >= distance) continue;
      const Candidate<C> mine{values[t], places[t]};
      const Candidate<C> other{values[t + distance], places[t + distance]};
      if (other.place < n && (mine.place == n || before(other, mine))) {
        values[t] = other.value;
        places[t] = other.place;
      }
    }
    if (t == 0) index[o] = places[0];
    __syncthreads();  // before the next row's values
  }
}

}  // namespace

void argmax(View index, ConstView x) {
  const int64_t outputs = x.shape[0] * x.shape[2], n = x.shape[1];
  dispatch_all(x.dtype, [&]<class T>() {
    launch(argmax_rows<T>, blocks_for(outputs, 1), row_block(n), 0, stream(), index.as<int64_t>(),
           x.as<T>(), outputs, n, x.shape[2]);
  });
}

}  // namespace papilio::cuda
