#include "kernels/multiplicative_dropout.h"

#include <algorithm>
#include <cstdint>

namespace papilio::cpu {

void replace_blocks(View q, ConstView factor, ConstView blocks, double diagonal) {
  const int64_t n = q.size(1), b = q.size(2), i = *factor.as<int64_t>();
  dispatch_floating(q.dtype, [&]<class T>() {
    for (int64_t k = 0; k < blocks.size(0); ++k) {
      T* block = q.as<T>() + (i * n + blocks.as<int64_t>()[k]) * b * b;
      std::fill_n(block, b * b, T(0));
      for (int64_t j = 0; j < b; ++j) block[j * b + j] = T(compute_t<T>(diagonal));
    }
  });
}

}  // namespace papilio::cpu
