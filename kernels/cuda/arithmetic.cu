#include <cstdint>

#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/strided.h"
#include "kernels/detail/elementwise_instances.h"

namespace papilio::cuda {

using namespace functor;
PAPILIO_INSTANTIATE_ARITHMETIC

namespace {

template <class T>
__global__ void add_elements(T* dst, const T* src, Strided<1> where, int64_t n) {
  using C = compute_t<T>;
  for (int64_t i = first_element(); i < n; i += grid_stride()) {
    int64_t at[1];
    where.locate(i, at);
    dst[i] = T(C(dst[i]) + C(src[at[0]]));
  }
}

}  // namespace

void add_to(View dst, ConstView src) {
  const int64_t n = dst.numel();
  dispatch_floating(dst.dtype, [&]<class T>() {
    launch(add_elements<T>, blocks_for(n), kBlock, 0, stream(), dst.as<T>(), src.as<T>(),
           Strided<1>(src), n);
  });
}

}  // namespace papilio::cuda
