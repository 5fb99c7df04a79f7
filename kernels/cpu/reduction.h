// The insides of reduce: in which order one run or one tile of columns is combined.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <type_traits>

#include "kernels/detail/reducers.h"

namespace papilio::cpu {

template <class Op, class A>
A combine_pairwise(A* p, int64_t n) {
  while (n > 1) {
    for (int64_t i = 0; i < n / 2; ++i) p[i] = Op::template combine<A>(p[2 * i], p[2 * i + 1]);
    if (n & 1) p[n / 2] = p[n - 1];
    n = (n + 1) / 2;
  }
  return p[0];
}

// One run of elements, kSums partial results side by side.
template <class Op, int kSums, class T, class A>
A reduce_lanes(const T* x, int64_t n, int64_t stride, A center) {
  A lanes[kSums];
  for (int l = 0; l < kSums; ++l) lanes[l] = Op::template identity<A>();
  int64_t i = 0;
  for (; i + kSums <= n; i += kSums)
    for (int l = 0; l < kSums; ++l)
      lanes[l] = Op::combine(lanes[l], Op::map(A(x[(i + l) * stride]), center));
  for (int l = 0; i < n; ++i, ++l)
    lanes[l] = Op::combine(lanes[l], Op::map(A(x[i * stride]), center));
  for (int width = kSums / 2; width > 0; width /= 2)
    for (int l = 0; l < width; ++l) lanes[l] = Op::combine(lanes[l], lanes[l + width]);
  return lanes[0];
}

template <class Op, class T, class A>
A reduce_run(const T* x, int64_t n, int64_t stride, A center) {
  if (n < 16) return reduce_lanes<Op, 2>(x, n, stride, center);
  if (stride != 1) return reduce_lanes<Op, 8>(x, n, stride, center);
  return n < 128 ? reduce_lanes<Op, 16>(x, n, 1, center) : reduce_lanes<Op, 64>(x, n, 1, center);
}

// Rows [from, to) of one tile of columns into out. Blocks of rows are added up, then pairs of
// blocks, pairs of pairs, ...: bit i of `blocks` says whether 2^i finished blocks wait on the
// stack.
constexpr int64_t kTile = 256;
template <class Op, class T, class A, class Row>
void reduce_tile(A* out, int64_t columns, int64_t stride, int64_t from, int64_t to, Row&& row,
                 const A* center) {
  const int64_t block = std::max<int64_t>(32, (to - from) >> 20);
  A stack[24][kTile];
  const auto pop = [&](int depth) {
    for (int64_t j = 0; j < columns; ++j)
      stack[depth - 2][j] = Op::combine(stack[depth - 2][j], stack[depth - 1][j]);
  };
  const auto add = [&](A* acc, int64_t r, int64_t end, auto step) {
    const auto term = [&](const T* p, int64_t j) { return Op::map(A(p[j * step]), center[j]); };
    for (; r + 4 <= end; r += 4) {
      const T *a = row(r), *b = row(r + 1), *c = row(r + 2), *d = row(r + 3);
#pragma omp simd
      for (int64_t j = 0; j < columns; ++j)
        acc[j] = Op::combine(acc[j], Op::combine(Op::combine(term(a, j), term(b, j)),
                                                 Op::combine(term(c, j), term(d, j))));
    }
    for (; r < end; ++r) {
      const T* a = row(r);
#pragma omp simd
      for (int64_t j = 0; j < columns; ++j) acc[j] = Op::combine(acc[j], term(a, j));
    }
  };
  uint64_t blocks = 0;
  for (int64_t r = from; r < to; r += block) {
    int depth = std::popcount(blocks);
    A* acc = stack[depth++];
    std::fill_n(acc, columns, Op::template identity<A>());
    const int64_t end = std::min(to, r + block);
    if (stride == 1)
      add(acc, r, end, std::integral_constant<int64_t, 1>());
    else
      add(acc, r, end, stride);
    for (uint64_t b = ++blocks; !(b & 1); b >>= 1) pop(depth--);
  }
  for (int depth = std::popcount(blocks); depth > 1; --depth) pop(depth);
  std::copy_n(stack[0], columns, out);
}

}  // namespace papilio::cpu
