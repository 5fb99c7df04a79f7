// All factors in one pass: columns mix only inside segments of b 2^(m-1), so a block takes a tile
// of rows and whole segments into shared memory and writes it when the last factor is done. Device
// memory: one read and one write of x, whatever m.
#pragma once

#include <cstdint>

#include "kernels/cuda/butterfly.h"
#include "kernels/cuda/launch.h"
#include "kernels/detail/butterfly_blocks.h"
#include "samples/kernels/study.h"

namespace papilio::cuda::study {
namespace {

constexpr int kTileRows = 32, kTileColumns = 128;

// What block `task` of the grid has.
struct TilePlace {
  int64_t r0, c0;
  int rows, columns;
  __device__ TilePlace(int64_t task, int64_t rows_of_x, int64_t d, int span) {
    const int64_t spans = (d + span - 1) / span;
    r0 = task / spans * kTileRows;
    c0 = task % spans * span;
    rows = int(rows_of_x - r0 < kTileRows ? rows_of_x - r0 : kTileRows);
    columns = int(d - c0 < span ? d - c0 : span);
  }
};

// Whole segments, as many as a tile is wide.
inline int span_of(const Sizes& s) {
  return int(kTileColumns / s.segment() * s.segment());
}
inline int64_t tiles_of(const Sizes& s) {
  return (s.rows + kTileRows - 1) / kTileRows * ((s.d + span_of(s) - 1) / span_of(s));
}
inline bool fits_a_tile(const Sizes& s) {
  return s.segment() <= kTileColumns;
}

__global__ void rotation_v2_kernel(float* y, const float* x, const float* q, int64_t rows,
                                   int64_t d, int b, int m, int span, int64_t tiles) {
  SHARED(float, first, kTileRows* kTileColumns);
  SHARED(float, second, kTileRows* kTileColumns);
  for (int64_t task = blockIdx.x; task < tiles; task += gridDim.x) {
    const TilePlace t(task, rows, d, span);
    float *tile = first, *next = second;
    for (int e = int(threadIdx.x); e < t.rows * t.columns; e += kBlock)
      tile[e] = x[(t.r0 + e / t.columns) * d + t.c0 + e % t.columns];
    __syncthreads();
    for (int i = m - 1; i >= 0; --i) {
      const float* blocks = q + (i * d + t.c0) * b;
      for (int e = int(threadIdx.x); e < t.rows * t.columns; e += kBlock) {
        const Place<int> at(e % t.columns, i, b);
        next[e] = rotated<float>(tile + e / t.columns * t.columns, blocks + at.n * b * b,
                                 Halves<int>(at.n, i, b), at.j, b, false);
      }
      __syncthreads();
      float* const kept = tile;
      tile = next;
      next = kept;
    }
    for (int e = int(threadIdx.x); e < t.rows * t.columns; e += kBlock)
      y[(t.r0 + e / t.columns) * d + t.c0 + e % t.columns] = tile[e];
    __syncthreads();
  }
}

const Version rotation_v2{"v2", "all factors in one pass, in shared memory",
                          [](const Arguments& a) {
                            const Sizes& s = a.sizes;
                            launch(rotation_v2_kernel, blocks_for(tiles_of(s), 1), kBlock, 0,
                                   stream(), a.out, a.in[0], a.in[1], s.rows, s.d, int(s.b),
                                   int(s.m), span_of(s), tiles_of(s));
                          },
                          fits_a_tile};

}  // namespace
}  // namespace papilio::cuda::study
