#include "kernels/skew_symmetric.h"

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/parallel.h"

namespace papilio::cpu {
namespace {

// Matrices that are worth a thread.
int64_t grain(int64_t b) {
  return 1 + 32768 / (b * b);
}

}  // namespace

void unpack_upper(View a, ConstView upper, bool skew) {
  const int64_t b = a.size(2), n = upper.size(1);
  dispatch_floating(a.dtype, [&]<class T>() {
    using C = compute_t<T>;
    parallel_for(a.size(0), grain(b), [&](int64_t begin, int64_t end) {
      for (int64_t m = begin; m < end; ++m) {
        T* to = a.as<T>() + m * b * b;
        const T* from = upper.as<T>() + m * n;
        std::fill_n(to, b * b, T(0));
        for (int64_t i = 0; i < b; ++i)
          for (int64_t j = i + 1; j < b; ++j, ++from) {
            to[i * b + j] = *from;
            if (skew) to[j * b + i] = T(-C(*from));
          }
      }
    });
  });
}

void pack_upper(View upper, ConstView a, bool skew) {
  const int64_t b = a.size(2), n = upper.size(1);
  dispatch_floating(a.dtype, [&]<class T>() {
    using C = compute_t<T>;
    parallel_for(a.size(0), grain(b), [&](int64_t begin, int64_t end) {
      for (int64_t m = begin; m < end; ++m) {
        T* to = upper.as<T>() + m * n;
        const T* from = a.as<T>() + m * b * b;
        for (int64_t i = 0; i < b; ++i)
          for (int64_t j = i + 1; j < b; ++j)
            *to++ = skew ? T(C(from[i * b + j]) - C(from[j * b + i])) : from[i * b + j];
      }
    });
  });
}

}  // namespace papilio::cpu
