// The loop under every strided kernel: N operands of one shape, walked together row by row.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "kernels/view.h"

namespace papilio {

// The common shape of N operands after dropping sizes of 1 and merging neighbours that every
// operand steps through as one. Rank is at least 1; the last dimension is "the row".
template <int N>
struct Rows {
  int rank = 0;
  int64_t shape[kMaxRank];
  int64_t strides[kMaxRank][N];

  // Keeps the order of the elements.
  template <class... Views>
  explicit Rows(const Views&... views) {
    static_assert(sizeof...(Views) == N);
    read(views...);
    merge();
  }
  // Orders dimensions by the first operand's strides, largest first, for loops whose order does not
  // matter.
  struct AnyOrder {};
  template <class... Views>
  explicit Rows(AnyOrder, const Views&... views) {
    read(views...);
    for (int i = 1; i < rank; ++i) {
      for (int d = i; d > 0 && strides[d - 1][0] < strides[d][0]; --d) swap(d - 1, d);
    }
    merge();
  }

  // Elements in all, and in a row.
  int64_t numel() const {
    int64_t n = 1;
    for (int d = 0; d < rank; ++d) n *= shape[d];
    return n;
  }
  int64_t length() const { return shape[rank - 1]; }
  // Operand k's stride inside a row.
  int64_t step(int k) const { return strides[rank - 1][k]; }

  // Exchanges two dimensions.
  void swap(int a, int b) {
    std::swap(shape[a], shape[b]);
    for (int k = 0; k < N; ++k) std::swap(strides[a][k], strides[b][k]);
  }

  // Calls f(offsets, count) for each piece of a row inside elements [begin, end); offsets[k] is
  // where operand k starts.
  template <class F>
  void walk(int64_t begin, int64_t end, F&& f) const {
    const int last = rank - 1;
    int64_t at[kMaxRank], offsets[N] = {}, rest = begin;
    for (int d = last; d >= 0; --d) {
      at[d] = rest % shape[d];
      rest /= shape[d];
      for (int k = 0; k < N; ++k) offsets[k] += at[d] * strides[d][k];
    }
    while (true) {
      const int64_t count = std::min(end - begin, shape[last] - at[last]);
      f(static_cast<const int64_t*>(offsets), count);
      begin += count;
      if (begin >= end) return;
      for (int k = 0; k < N; ++k) offsets[k] -= at[last] * strides[last][k];
      at[last] = 0;
      for (int d = last - 1; d >= 0; --d) {
        if (++at[d] < shape[d]) {
          for (int k = 0; k < N; ++k) offsets[k] += strides[d][k];
          break;
        }
        at[d] = 0;
        for (int k = 0; k < N; ++k) offsets[k] -= (shape[d] - 1) * strides[d][k];
      }
    }
  }

 private:
  template <class First, class... Rest>
  void read(const First& first, const Rest&... rest) {
    for (int d = 0; d < first.rank; ++d) {
      if (first.shape[d] == 1) continue;
      shape[rank] = first.shape[d];
      int k = 0;
      strides[rank][k++] = first.strides[d];
      ((strides[rank][k++] = rest.strides[d]), ...);
      ++rank;
    }
  }

  void merge() {
    if (rank == 0) {  // one element: any stride will do, 1 takes the fast paths
      rank = 1;
      shape[0] = 1;
      for (int k = 0; k < N; ++k) strides[0][k] = 1;
    }
    int kept = 0;
    for (int d = 1; d < rank; ++d) {
      bool joins = true;
      for (int k = 0; k < N; ++k) joins &= strides[kept][k] == shape[d] * strides[d][k];
      if (joins)
        shape[kept] *= shape[d];
      else
        shape[++kept] = shape[d];
      for (int k = 0; k < N; ++k) strides[kept][k] = strides[d][k];
    }
    rank = kept + 1;
  }
};

}  // namespace papilio
