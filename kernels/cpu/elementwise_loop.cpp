#include "kernels/cpu/elementwise_loop.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/cpu/parallel.h"
#include "kernels/rows.h"

namespace papilio::cpu {
namespace {

constexpr int64_t kChunk = 512;

template <class T, class C>
void gather(C* __restrict__ to, const T* from, int64_t step, int64_t n) {
  if (step == 0) {
    std::fill_n(to, n, C(*from));
  } else if (step == 1) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) to[i] = C(from[i]);
  } else {
    for (int64_t i = 0; i < n; ++i) to[i] = C(from[i * step]);
  }
}

// Reads x as the type it is stored in; dense rows that need no conversion are used where they lie.
template <class T>
const T* in_place(const T* x, int64_t step) {
  return step == 1 ? x : nullptr;
}
inline const float* in_place(const BFloat16*, int64_t) {
  return nullptr;
}
inline const float* in_place(const Float16*, int64_t) {
  return nullptr;
}

template <class Rows, class R, class T, int N>
void run(const Rows& rows, int64_t begin, int64_t end, View out, const ConstView (&in)[N],
         RowFunction<compute_t<R>, compute_t<T>> row, const void* f) {
  using C = compute_t<T>;
  constexpr bool converts = !std::is_same_v<R, compute_t<R>>;
  alignas(64) C buffers[N][kChunk];
  alignas(64) compute_t<R> results[converts ? kChunk : 1];
  bool dense = !converts;
  for (int k = 0; k < N; ++k) {
    dense &= in_place(in[k].template as<T>(), rows.step(k + 1)) != nullptr;
  }
  rows.walk(begin, end, [&](const int64_t* at, int64_t count) {
    const int64_t chunk = dense ? count : kChunk;
    for (int64_t first = 0; first < count; first += chunk) {
      const int64_t n = std::min(chunk, count - first);
      const C* x[N];
      for (int k = 0; k < N; ++k) {
        const int64_t step = rows.step(k + 1);
        const T* from = in[k].template as<T>() + at[k + 1] + first * step;
        x[k] = in_place(from, step);
        if (x[k]) continue;
        if (step != 0 || first == 0) gather(buffers[k], from, step, n);
        x[k] = buffers[k];
      }
      R* to = out.template as<R>() + at[0] + first;
      if constexpr (converts) {
        row(f, results, x, n);
#pragma omp simd
        for (int64_t i = 0; i < n; ++i) to[i] = R(results[i]);
      } else {
        row(f, to, x, n);
      }
    }
  });
}

template <int N, size_t... I>
Rows<N + 1> rows_of(View out, const ConstView (&in)[N], std::index_sequence<I...>) {
  return Rows<N + 1>(out, in[I]...);
}

}  // namespace

template <class R, class T, int N>
void for_each_row(View out, const ConstView (&in)[N], RowFunction<compute_t<R>, compute_t<T>> row,
                  const void* f) {
  const auto rows = rows_of(out, in, std::make_index_sequence<N>());
  parallel_for(rows.numel(), kElementwiseGrain, [&](int64_t begin, int64_t end) {
    run<Rows<N + 1>, R, T, N>(rows, begin, end, out, in, row, f);
  });
}

// NOLINTBEGIN(bugprone-macro-parentheses): the arguments are types
#define PAPILIO_ROWS(R, T, N)                                      \
  template void for_each_row<R, T, N>(View, const ConstView(&)[N], \
                                      RowFunction<compute_t<R>, compute_t<T>>, const void*);
// NOLINTEND(bugprone-macro-parentheses)
#define PAPILIO_FLOATING(T) \
  PAPILIO_ROWS(T, T, 1) PAPILIO_ROWS(T, T, 2) PAPILIO_ROWS(T, T, 3) PAPILIO_ROWS(bool, T, 2)
#define PAPILIO_INTEGER(T) PAPILIO_ROWS(T, T, 1) PAPILIO_ROWS(T, T, 2) PAPILIO_ROWS(bool, T, 2)
PAPILIO_FLOATING(float)
PAPILIO_FLOATING(double)
PAPILIO_FLOATING(BFloat16)
PAPILIO_FLOATING(Float16)
PAPILIO_INTEGER(int64_t)
PAPILIO_INTEGER(int32_t)
PAPILIO_ROWS(bool, uint8_t, 2)

}  // namespace papilio::cpu
