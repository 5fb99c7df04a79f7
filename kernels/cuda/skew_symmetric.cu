#include "kernels/skew_symmetric.h"

#include <cstdint>

#include "kernels/cuda/launch.h"

namespace papilio::cuda {
namespace {

// A thread for each entry of the matrices, in both directions.
template <class T>
__global__ void unpack(T* a, const T* upper, int64_t count, int64_t b, bool skew) {
  using C = compute_t<T>;
  const int64_t n = b * (b - 1) / 2;
  for (int64_t e = first_element(); e < count * b * b; e += grid_stride()) {
    const int64_t m = e / (b * b), i = e / b % b, j = e % b;
    C value = 0;
    if (i < j) value = C(upper[m * n + upper_place(i, j, b)]);
    if (i > j && skew) value = -C(upper[m * n + upper_place(j, i, b)]);
    a[e] = T(value);
  }
}

template <class T>
__global__ void pack(T* upper, const T* a, int64_t count, int64_t b, bool skew) {
  using C = compute_t<T>;
  const int64_t n = b * (b - 1) / 2;
  for (int64_t e = first_element(); e < count * b * b; e += grid_stride()) {
    const int64_t m = e / (b * b), i = e / b % b, j = e % b;
    if (i >= j) continue;
    C value = C(a[e]);
    if (skew) value -= C(a[(m * b + j) * b + i]);
    upper[m * n + upper_place(i, j, b)] = T(value);
  }
}

}  // namespace

void unpack_upper(View a, ConstView upper, bool skew) {
  const int64_t count = a.size(0), b = a.size(2);
  dispatch_floating(a.dtype, [&]<class T>() {
    launch(unpack<T>, blocks_for(a.numel()), kBlock, 0, stream(), a.as<T>(), upper.as<T>(), count,
           b, skew);
  });
}

void pack_upper(View upper, ConstView a, bool skew) {
  const int64_t count = a.size(0), b = a.size(2);
  dispatch_floating(a.dtype, [&]<class T>() {
    launch(pack<T>, blocks_for(a.numel()), kBlock, 0, stream(), upper.as<T>(), a.as<T>(), count, b,
           skew);
  });
}

}  // namespace papilio::cuda
