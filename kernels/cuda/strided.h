// Where the elements of several strided operands of one shape lie: the device's side of
// kernels/rows.h.
#pragma once

#include <cstdint>

#include "kernels/host_device.h"
#include "kernels/rows.h"

namespace papilio::cuda {

template <int N>
struct Strided {
  Rows<N> rows;

  template <class... Views>
  explicit Strided(const Views&... views) : rows(views...) {}

  // Offsets of element i of each operand: i is taken apart from the last dimension to the first.
  // Most tensors have fewer than 2^32 elements, and dividing 32 bits is several times faster.
  PAPILIO_HOST_DEVICE void locate(int64_t i, int64_t (&at)[N]) const {
    for (int k = 0; k < N; ++k) at[k] = 0;
    for (int d = rows.rank - 1; d > 0; --d) {
      const int64_t n = rows.shape[d];
      const int64_t next = ((i | n) >> 32) == 0 ? int64_t(uint32_t(i) / uint32_t(n)) : i / n;
      const int64_t place = i - next * n;
      for (int k = 0; k < N; ++k) at[k] += place * rows.strides[d][k];
      i = next;
    }
    for (int k = 0; k < N; ++k) at[k] += i * rows.strides[0][k];
  }
};

}  // namespace papilio::cuda
