// Sums over many rows in two stages of a fixed order: parts of the rows, each summed by one thread,
// then the parts in turn.
#pragma once

#include <cstdint>

#include "kernels/cuda/launch.h"

namespace papilio::cuda {

// Into how many parts rows are cut: 64 rows each at least, `most` parts at most. Depends on nothing
// else, so that results repeat.
inline int64_t part_count(int64_t rows, int64_t most) {
  return rows < 128 ? 1 : rows / 64 < most ? rows / 64 : most;
}

template <class T>
__global__ void add_parts_kernel(T* out, const compute_t<T>* partial, int64_t n, int64_t parts) {
  for (int64_t e = first_element(); e < n; e += grid_stride()) {
    compute_t<T> sum = 0;
    for (int64_t part = 0; part < parts; ++part) sum += partial[part * n + e];
    out[e] = T(sum);
  }
}

// out[e] = sum over parts of partial[part, e] for n entries.
template <class T>
void add_parts(T* out, const compute_t<T>* partial, int64_t n, int64_t parts) {
  launch(add_parts_kernel<T>, blocks_for(n), kBlock, 0, stream(), out, partial, n, parts);
}

}  // namespace papilio::cuda
