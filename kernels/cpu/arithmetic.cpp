#include <cstdint>

#include "kernels/cpu/elementwise_loop.h"
#include "kernels/cpu/parallel.h"
#include "kernels/detail/elementwise_instances.h"
#include "kernels/rows.h"

namespace papilio::cpu {

using namespace functor;
PAPILIO_INSTANTIATE_ARITHMETIC

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
