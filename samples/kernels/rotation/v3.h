// A thread keeps one block's Q in registers and rotates that block of several rows, in place. A
// multiply-add had two loads, of x and of Q; now b loads and b stores of a row serve b^2, and there
// is room for twice as many tiles.
#pragma once

#include <cstdint>

#include "kernels/detail/butterfly_blocks.h"
#include "samples/kernels/rotation/v2.h"
#include "samples/kernels/study.h"

namespace papilio::cuda::study {
namespace {

template <int B>
__global__ void rotation_v3_kernel(float* y, const float* x, const float* q, int64_t rows,
                                   int64_t d, int m, int span, int64_t tiles) {
  SHARED(float, tile, kTileRows* kTileColumns);
  for (int64_t task = blockIdx.x; task < tiles; task += gridDim.x) {
    const TilePlace t(task, rows, d, span);
    for (int e = int(threadIdx.x); e < t.rows * t.columns; e += kBlock)
      tile[e] = x[(t.r0 + e / t.columns) * d + t.c0 + e % t.columns];
    __syncthreads();
    const int blocks = t.columns / B, teams = kBlock / blocks;
    const int n = int(threadIdx.x) % blocks, team = int(threadIdx.x) / blocks;
    for (int i = m - 1; i >= 0; --i) {
      const float* block = q + (i * d + t.c0) * B + n * B * B;
      const Halves<int> at(n, i, B);
      float Q[B][B], v[B];
#pragma unroll
      for (int e = 0; e < B * B; ++e) Q[e / B][e % B] = block[e];
      for (int r = team; r < t.rows && team < teams; r += teams) {
        float* row = tile + r * t.columns;
#pragma unroll
        for (int k = 0; k < B; ++k) v[k] = row[at.column(k)];
#pragma unroll
        for (int j = 0; j < B; ++j) {
          float sum = 0;
#pragma unroll
          for (int k = 0; k < B; ++k) sum += v[k] * Q[k][j];
          row[at.column(j)] = sum;
        }
      }
      __syncthreads();
    }
    for (int e = int(threadIdx.x); e < t.rows * t.columns; e += kBlock)
      y[(t.r0 + e / t.columns) * d + t.c0 + e % t.columns] = tile[e];
    __syncthreads();
  }
}

const Version rotation_v3{"v3", "a block's Q in a thread's registers, rotated in place",
                          [](const Arguments& a) {
                            const Sizes& s = a.sizes;
                            launch(s.b == 4 ? rotation_v3_kernel<4> : rotation_v3_kernel<8>,
                                   blocks_for(tiles_of(s), 1), kBlock, 0, stream(), a.out, a.in[0],
                                   a.in[1], s.rows, s.d, int(s.m), span_of(s), tiles_of(s));
                          },
                          [](const Sizes& s) { return fits_a_tile(s) && (s.b == 4 || s.b == 8); }};

}  // namespace
}  // namespace papilio::cuda::study
