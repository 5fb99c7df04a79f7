#include "kernels/cuda/elementwise.h"

namespace papilio::cuda {

using namespace functor;

template void map(View, ConstView, Neg);
template void map(View, ConstView, Right<Add>);
template void map(View, ConstView, Right<Mul>);
template void map(View, ConstView, Right<Div>);
template void map(View, ConstView, Left<Sub>);
template void map(View, ConstView, Left<Div>);
template void map_backward(View, ConstView, ConstView, Left<Div>);

template void zip(View, ConstView, ConstView, Add);
template void zip(View, ConstView, ConstView, Sub);
template void zip(View, ConstView, ConstView, Mul);
template void zip(View, ConstView, ConstView, Div);
template void zip_backward_b(View, ConstView, ConstView, ConstView, Div);

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
