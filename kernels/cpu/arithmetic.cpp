#include "kernels/cpu/elementwise_loop.h"
#include "kernels/cpu/parallel.h"
#include "kernels/rows.h"

namespace papilio::cpu {

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

void add_to(View dst, ConstView src) {
  const Rows<2> rows(dst, src);
  dispatch_floating(dst.dtype, [&]<class T>() {
    using C = compute_t<T>;
    parallel_for(rows.numel(), kElementwiseGrain, [&](int64_t begin, int64_t end) {
      rows.walk(begin, end, [&](const int64_t* at, int64_t count) {
        T* d = dst.as<T>() + at[0];
        const T* s = src.as<T>() + at[1];
        const int64_t step = rows.step(1);
        if (step == 1) {
#pragma omp simd
          for (int64_t i = 0; i < count; ++i) d[i] = T(C(d[i]) + C(s[i]));
        } else {
          for (int64_t i = 0; i < count; ++i) d[i] = T(C(d[i]) + C(s[i * step]));
        }
      });
    });
  });
}

}  // namespace papilio::cpu
