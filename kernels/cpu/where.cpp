#include <cstdint>

#include "kernels/cpu/parallel.h"
#include "kernels/detail/dispatch_by_size.h"
#include "kernels/elementwise.h"
#include "kernels/rows.h"

namespace papilio::cpu {
namespace {

template <class T>
void where_sized(View y, ConstView condition, ConstView a, ConstView b) {
  const Rows<4> rows(y, condition, a, b);
  const int64_t sc = rows.step(1), sa = rows.step(2), sb = rows.step(3);
  parallel_for(rows.numel(), 16384, [&](int64_t begin, int64_t end) {
    rows.walk(begin, end, [&](const int64_t* at, int64_t count) {
      T* __restrict__ out = y.as<T>() + at[0];
      const uint8_t* c = condition.as<uint8_t>() + at[1];
      const T* u = a.as<T>() + at[2];
      const T* v = b.as<T>() + at[3];
      if (sc == 1 && sa == 1 && sb == 1) {
#pragma omp simd
        for (int64_t i = 0; i < count; ++i) out[i] = c[i] ? u[i] : v[i];
      } else if (sc == 1 && sa == 1 && sb == 0) {
        const T other = *v;
#pragma omp simd
        for (int64_t i = 0; i < count; ++i) out[i] = c[i] ? u[i] : other;
      } else {
        for (int64_t i = 0; i < count; ++i) out[i] = c[i * sc] ? u[i * sa] : v[i * sb];
      }
    });
  });
}

}  // namespace

void where(View y, ConstView condition, ConstView a, ConstView b) {
  dispatch_by_size(y.dtype, [&]<class T>() { where_sized<T>(y, condition, a, b); });
}

}  // namespace papilio::cpu
