// A butterfly factor's product of a row, and a whole segment's in registers. I: an integer that
// holds the columns; dividing 32 bits is several times faster.
#pragma once

#include <cstdint>

#include "kernels/cuda/launch.h"
#include "kernels/detail/butterfly_blocks.h"

namespace papilio::cuda {

// Column c of factor i: block n's coordinate j.
template <class I>
struct Place {
  I n, j;
  __device__ Place(I c, I i, I b) {
    if (i == 0) {
      n = c / b;
      j = c - n * b;
      return;
    }
    const I h = b / 2, half = c / h;
    n = (half >> (i + 1) << i) | (half & ((I(1) << i) - 1));
    j = (half >> i & 1) * h + c - half * h;
  }
};

// Coordinate j of a block's product: sum over k of x[k] Q[k, j], or Q[j, k] if `transposed`.
template <class C, class In, class T, class I>
__device__ C rotated(const In* row, const T* q, Halves<I> at, I j, I b, bool transposed) {
  C sum = 0;
  for (I k = 0; k < b; ++k)
    sum += C(row[at.column(k)]) * C(transposed ? q[j * b + k] : q[k * b + j]);
  return sum;
}

// One segment of W columns times M factors of B x B blocks, all of it in registers: W M B numbers
// for the blocks, W for the segment.
template <int B, int M, bool transposed, class C>
struct SegmentRotation {
  static constexpr int W = B << (M - 1), kBlocks = W / B;
  C q[M][kBlocks][B][B];

  // Segment s of factors of `blocks` blocks each.
  template <class T>
  __device__ void load(const T* from, int64_t s, int64_t blocks) {
#pragma unroll
    for (int i = 0; i < M; ++i)
#pragma unroll
      for (int n = 0; n < kBlocks; ++n) {
        const T* block = from + (i * blocks + s * kBlocks + n) * (B * B);
#pragma unroll
        for (int k = 0; k < B; ++k)
#pragma unroll
          for (int j = 0; j < B; ++j) q[i][n][k][j] = C(block[transposed ? j * B + k : k * B + j]);
      }
  }

  // v R meets the last factor first, v R^T the first.
  __device__ void apply(C (&v)[W]) const {
#pragma unroll
    for (int step = 0; step < M; ++step) {
      const int i = transposed ? step : M - 1 - step;
#pragma unroll
      for (int n = 0; n < kBlocks; ++n) {
        const Halves<int> at(n, i, B);
        C rotated[B];
#pragma unroll
        for (int j = 0; j < B; ++j) {
          rotated[j] = v[at.column(0)] * q[i][n][0][j];
#pragma unroll
          for (int k = 1; k < B; ++k) rotated[j] += v[at.column(k)] * q[i][n][k][j];
        }
#pragma unroll
        for (int j = 0; j < B; ++j) v[at.column(j)] = rotated[j];
      }
    }
  }
};

}  // namespace papilio::cuda
