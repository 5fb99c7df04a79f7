// Batches of small square matrices: products of one matrix, of a matrix a lane, and the loop over
// the batch.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/cpu/lanes.h"
#include "kernels/cpu/parallel.h"
#include "kernels/detail/dispatch_size.h"

namespace papilio::cpu {

// out[i] = sum over k of left(i, k) * right[k], rows of length n, four at a time to save passes
// over out.
template <class C, class F>
void multiply_one(C* out, F left, const C* right, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    C* sum = out + i * n;
    std::fill_n(sum, n, C(0));
    const int64_t fours = n - n % 4;
    for (int64_t k = 0; k < fours; k += 4) {
      const C c0 = left(i, k), c1 = left(i, k + 1), c2 = left(i, k + 2), c3 = left(i, k + 3);
      const C* row = right + k * n;
#pragma omp simd
      for (int64_t j = 0; j < n; ++j)
        sum[j] += c0 * row[j] + c1 * row[n + j] + c2 * row[2 * n + j] + c3 * row[3 * n + j];
    }
    for (int64_t k = fours; k < n; ++k) {
      const C c = left(i, k);
#pragma omp simd
      for (int64_t j = 0; j < n; ++j) sum[j] += c * right[k * n + j];
    }
  }
}

// The same with a matrix a lane: entry (i, j) of kLanes<C> matrices is one vector; n = B if B >
// 0.
template <int B, class C, class F>
void multiply_lanes(Vec<C>* out, F left, const Vec<C>* right, int size) {
  const int n = B ? B : size;
  constexpr int kTile = B == 0 ? 8 : std::min(B, 8);
  for (int i = 0; i < n; ++i)
    for (int j0 = 0; j0 < n; j0 += kTile) {
      if (j0 + kTile <= n) {
        Vec<C> sum[kTile];
        for (int j = 0; j < kTile; ++j) sum[j] = left(i, 0) * right[j0 + j];
        for (int k = 1; k < n; ++k)
          for (int j = 0; j < kTile; ++j) sum[j] += left(i, k) * right[k * n + j0 + j];
        for (int j = 0; j < kTile; ++j) out[i * n + j0 + j] = sum[j];
      } else {
        for (int j = j0; j < n; ++j) {
          Vec<C> sum = left(i, 0) * right[j];
          for (int k = 1; k < n; ++k) sum += left(i, k) * right[k * n + j];
          out[i * n + j] = sum;
        }
      }
    }
}

// Runs one(i) on every matrix, or lanes(B, scratch, first, count) on groups of them with scratch
// for `tiles` transposed groups. Which of the two depends on b only, so a matrix's result does not
// depend on its neighbours.
template <class C, class Group, class One>
void for_batch(int64_t batch, int64_t b, int64_t in_lanes, int64_t tiles, Group lanes, One one) {
  constexpr int64_t kWork = 1 << 17;  // multiply-adds worth a second thread
  if (b > in_lanes) {
    return parallel_for(batch, std::max<int64_t>(1, kWork / (b * b * b)),
                        [&](int64_t begin, int64_t end) {
                          for (int64_t i = begin; i < end; ++i) one(i);
                        });
  }
  constexpr int64_t group = kLanes<C>;
  const int64_t grain = std::max<int64_t>(1, kWork / (b * b * b * group));
  dispatch_size_or_0<2, 3, 4, 5, 6, 7, 8>(b, [&](auto B) {
    parallel_for((batch + group - 1) / group, grain, [&](int64_t begin, int64_t end) {
      const LaneBuffer<C> scratch(tiles * b * b);
      for (int64_t i = begin; i < end; ++i)
        lanes(B, scratch.get(), i * group, std::min(group, batch - i * group));
    });
  });
}

}  // namespace papilio::cpu
