// The transpose of a square that lies in vector registers.
#pragma once

#include <utility>

namespace papilio::cpu {

// v[r] lane c becomes v[c] lane r, for n vectors of n lanes: in log2(n) rounds, one for each
// `half`, the off-diagonal half x half blocks of every square twice as large change places.
template <int n, int half = 1, class V>
inline void transpose_square(V* v) {
  [&]<int... l>(std::integer_sequence<int, l...>) {
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) {
      if (i & half) continue;
      const V a = v[i], b = v[i + half];
      v[i] = __builtin_shufflevector(a, b, (l & half ? n + l - half : l)...);
      v[i + half] = __builtin_shufflevector(a, b, (l & half ? n + l : l + half)...);
    }
  }
  (std::make_integer_sequence<int, n>{});
  if constexpr (2 * half < n) transpose_square<n, 2 * half>(v);
}

}  // namespace papilio::cpu
