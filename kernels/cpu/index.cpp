#include "kernels/index.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernels/cpu/by_destination.h"
#include "kernels/cpu/parallel.h"

namespace papilio::cpu {

namespace {

int64_t grain_for(int64_t elements) {
  return 1 + 32768 / (elements + 1);
}

}  // namespace

int64_t first_outside(ConstView index, int64_t n, std::optional<int64_t> allowed) {
  const int64_t* values = index.as<int64_t>();
  for (int64_t j = 0; j < index.numel(); ++j)
    if ((values[j] < 0 || values[j] >= n) && values[j] != allowed) [[unlikely]]
      return j;
  return -1;
}

void index_select(View y, ConstView x, ConstView index) {
  const int64_t outer = x.shape[0], n = x.shape[1], k = index.shape[0];
  const size_t row = size_t(x.shape[2]) * size_of(x.dtype);
  const int64_t* at = index.as<int64_t>();
  parallel_for(outer * k, grain_for(x.shape[2]), [&](int64_t from, int64_t to) {
    for (int64_t r = from; r < to; ++r) {
      const size_t source = size_t(r / k * n + at[r % k]);
      std::memcpy(y.as<char>() + size_t(r) * row, x.as<char>() + source * row, row);
    }
  });
}

void index_select_backward(View dx, ConstView dy, ConstView index, int64_t skip) {
  constexpr int64_t kTile = 256;
  const int64_t outer = dx.shape[0], n = dx.shape[1], inner = dx.shape[2], k = index.shape[0];
  const ByDestination by(index.as<int64_t>(), k, n);
  const int64_t tiles = (inner + kTile - 1) / kTile;
  dispatch_floating(dx.dtype, [&]<class T>() {
    using A = compute_t<T>;
    const auto one = [&](int64_t o, int64_t i, int64_t column) {
      const int64_t width = std::min(kTile, inner - column);
      A acc[kTile] = {};
      const int64_t end = i == skip ? 0 : by.first[size_t(i) + 1];
      for (int64_t s = by.first[size_t(i)]; s < end; ++s) {
        const T* p = dy.as<T>() + (o * k + by.order[size_t(s)]) * inner + column;
#pragma omp simd
        for (int64_t c = 0; c < width; ++c) acc[c] += A(p[c]);
      }
      T* p = dx.as<T>() + (o * n + i) * inner + column;
      for (int64_t c = 0; c < width; ++c) p[c] = T(acc[c]);
    };
    // Tiles outermost, so that a few hot destinations are still shared out over the threads.
    parallel_for(outer * tiles * n, grain_for(std::min(inner, kTile) * (1 + k / (n + 1))),
                 [&](int64_t from, int64_t to) {
                   for (int64_t piece = from; piece < to; ++piece)
                     one(piece / n / tiles, piece % n, piece / n % tiles * kTile);
                 });
  });
}

void gather(View y, ConstView x, ConstView index) {
  const int64_t outer = x.shape[0], n = x.shape[1], inner = x.shape[2], k = y.shape[1];
  dispatch_all(x.dtype, [&]<class T>() {
    parallel_for(outer * k, grain_for(inner), [&](int64_t from, int64_t to) {
      for (int64_t r = from; r < to; ++r) {
        const T* px = x.as<T>() + r / k * n * inner;
        const int64_t* at = index.as<int64_t>() + r * inner;
        T* py = y.as<T>() + r * inner;
        for (int64_t c = 0; c < inner; ++c) py[c] = px[at[c] * inner + c];
      }
    });
  });
}

void gather_backward(View dx, ConstView dy, ConstView index) {
  constexpr int64_t kTile = 64;
  const int64_t outer = dx.shape[0], n = dx.shape[1], inner = dx.shape[2], k = dy.shape[1];
  const int64_t tiles = (inner + kTile - 1) / kTile;
  dispatch_floating(dy.dtype, [&]<class T>() {
    using A = compute_t<T>;
    parallel_for(outer * tiles, grain_for((n + k) * std::min(inner, kTile)),
                 [&](int64_t from, int64_t to) {
                   for (int64_t piece = from; piece < to; ++piece) {
                     const int64_t o = piece / tiles, begin = piece % tiles * kTile,
                                   end = std::min(inner, begin + kTile);
                     A* sums = dx.as<A>() + o * n * inner;
                     for (int64_t i = 0; i < n; ++i)
                       std::fill(sums + i * inner + begin, sums + i * inner + end, A(0));
                     for (int64_t j = 0; j < k; ++j) {
                       const int64_t row = (o * k + j) * inner;
                       for (int64_t c = begin; c < end; ++c)
                         sums[index.as<int64_t>()[row + c] * inner + c] += A(dy.as<T>()[row + c]);
                     }
                   }
                 });
  });
}

}  // namespace papilio::cpu
