// Rows of a strided matrix made ready for small_gemm: converted to the compute type, padded with
// zeros to whole vectors, or transposed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "kernels/cpu/simd.h"
#include "kernels/cpu/small_gemm.h"
#include "kernels/cpu/transpose.h"
#include "kernels/dtype.h"

namespace papilio::cpu {

// to[i * round_up_to_lanes(columns) + j] = from (i, j)
template <class T>
void pack_rows(compute_t<T>* to, Rows<T> from, int64_t rows, int64_t columns) {
  const int64_t padded = round_up_to_lanes<compute_t<T>>(columns);
  for (int64_t i = 0; i < rows; ++i, to += padded) {
    for (int64_t j = 0; j < columns; ++j) to[j] = compute_t<T>(from[i][j]);
    for (int64_t j = columns; j < padded; ++j) to[j] = 0;
  }
}

// The rows as they lie if small_gemm can read them (`padded`: as whole vectors), else packed into
// `buffer`.
template <class T>
Rows<compute_t<T>> ready_rows(Rows<T> from, int64_t rows, int64_t columns, bool padded,
                              compute_t<T>* buffer) {
  using C = compute_t<T>;
  const int64_t whole = round_up_to_lanes<C>(columns);
  if constexpr (!is_half_type<T>)
    if (!padded || columns == whole) return from;
  pack_rows(buffer, from, rows, columns);
  return {buffer, whole};
}

// to[j * round_up_to_lanes(rows) + i] = scale * from (i, j)
template <class T>
void pack_transposed(compute_t<T>* to, Rows<T> from, int64_t rows, int64_t columns,
                     compute_t<T> scale) {
  using C = compute_t<T>;
  constexpr int L = kSimdLanes<C>;
  const int64_t padded = round_up_to_lanes<C>(rows);
  for (int64_t i = 0; i < rows; i += L)
    for (int64_t j = 0; j < columns; j += L) {
      const int64_t n = std::min<int64_t>(L, columns - j);
      Simd<C> square[L];
      if (!is_half_type<T> && n == L && i + L <= rows) {
        for (int r = 0; r < L; ++r)
          std::memcpy(&square[r], static_cast<const void*>(from[i + r] + j), sizeof square[r]);
      } else {
        for (int r = 0; r < L; ++r) {
          C part[L] = {};
          if (i + r < rows)
            for (int64_t c = 0; c < n; ++c) part[c] = C(from[i + r][j + c]);
          square[r] = load(part);
        }
      }
      transpose_square<L>(square);
      for (int64_t c = 0; c < n; ++c) store<C>(to + (j + c) * padded + i, square[c] * scale);
    }
}

}  // namespace papilio::cpu
