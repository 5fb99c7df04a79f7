#include <cstdint>

#include "kernels/cuda/launch.h"
#include "kernels/cuda/strided.h"
#include "kernels/detail/dispatch_by_size.h"
#include "kernels/elementwise.h"

namespace papilio::cuda {
namespace {

template <class T>
__global__ void choose(T* y, const bool* condition, const T* a, const T* b, Strided<3> where,
                       int64_t n) {
  for (int64_t i = first_element(); i < n; i += grid_stride()) {
    int64_t at[3];
    where.locate(i, at);
    y[i] = condition[at[0]] ? a[at[1]] : b[at[2]];
  }
}

template <class T>
void where_sized(View y, ConstView condition, ConstView a, ConstView b) {
  const int64_t n = y.numel();
  launch(choose<T>, blocks_for(n), kBlock, 0, stream(), y.as<T>(), condition.as<bool>(), a.as<T>(),
         b.as<T>(), Strided<3>(condition, a, b), n);
}

}  // namespace

void where(View y, ConstView condition, ConstView a, ConstView b) {
  dispatch_by_size(y.dtype, [&]<class T>() { where_sized<T>(y, condition, a, b); });
}

}  // namespace papilio::cuda
