#include "kernels/argmax.h"

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/parallel.h"

namespace papilio::cpu {

void argmax(View index, ConstView x) {
  const int64_t outer = x.shape[0], n = x.shape[1], inner = x.shape[2];
  dispatch_all(x.dtype, [&]<class T>() {
    parallel_for(outer, std::max<int64_t>(1, 16384 / (n * inner + 1)),
                 [&](int64_t from, int64_t to) {
                   for (int64_t o = from; o < to; ++o) {
                     const T* p = x.as<T>() + o * n * inner;
                     int64_t* best = index.as<int64_t>() + o * inner;
                     for (int64_t j = 0; j < inner; ++j) best[j] = 0;
                     for (int64_t i = 1; i < n; ++i) {
                       for (int64_t j = 0; j < inner; ++j) {
                         const auto v = compute_t<T>(p[i * inner + j]),
                                    top = compute_t<T>(p[best[j] * inner + j]);
                         if (v > top || (v != v && top == top)) best[j] = i;
                       }
                     }
                   }
                 });
  });
}

}  // namespace papilio::cpu
