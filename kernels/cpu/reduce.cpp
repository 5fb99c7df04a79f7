#include "kernels/reduce.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "kernels/cpu/parallel.h"
#include "kernels/cpu/reduction.h"
#include "kernels/detail/reducers.h"
#include "kernels/rows.h"

namespace papilio::cpu {
namespace {

constexpr int64_t kGrain = 32768;  // elements worth a thread

int64_t offset_at(int64_t index, const ConstView& v, int rank) {
  if (rank == 0) return 0;
  int64_t offset = 0;
  for (int d = rank - 1; d > 0; --d) {
    offset += index % v.shape[d] * v.strides[d];
    index /= v.shape[d];
  }
  return offset + index * v.strides[0];
}

// inner == 1: every output is the reduction of r1 runs of r0 elements, cut into chunks.
template <class Op, class T>
void reduce_rows(View y, ConstView x, ConstView center, double factor) {
  using A = accumulator_t<T>;
  constexpr int64_t kChunk = 4096;
  const int rank = x.rank - 3;
  const int64_t r1 = x.size(-3), r0 = x.size(-2), s1 = x.strides[rank], s0 = x.strides[rank + 1];
  const int64_t outer = y.numel(), per_run = (r0 + kChunk - 1) / kChunk, chunks = r1 * per_run;
  const auto center_at = [&](int64_t o) {
    return center.data ? center.as<A>()[offset_at(o, center, rank)] : A(0);
  };
  const auto chunk = [&](const T* row, int64_t i, A c) {
    const int64_t from = i % per_run * kChunk;
    return reduce_run<Op>(row + i / per_run * s1 + from * s0, std::min(kChunk, r0 - from), s0, c);
  };
  const auto one = [&](int64_t o, auto&& for_chunks, A* partial) {
    const T* row = x.as<T>() + offset_at(o, x, rank);
    const A c = center_at(o);
    A& out = y.as<A>()[offset_at(o, y, rank)];
    if (chunks == 1) return void(out = reduce_run<Op>(row, r0, s0, c) * A(factor));
    for_chunks([&](int64_t i) { partial[i] = chunk(row, i, c); });
    out = combine_pairwise<Op>(partial, chunks) * A(factor);
  };
  if (outer < 64 &&
      r1 * r0 > kGrain) {  // few long reductions: the threads share the chunks of each
    std::vector<A> partial(static_cast<size_t>(chunks));
    for (int64_t o = 0; o < outer; ++o)
      one(
          o,
          [&](auto&& f) {
            parallel_for(chunks, std::max<int64_t>(1, kGrain / std::min(kChunk, r0)),
                         [&](int64_t from, int64_t to) {
                           for (int64_t i = from; i < to; ++i) f(i);
                         });
          },
          partial.data());
    return;
  }
  parallel_for(outer, std::max<int64_t>(1, kGrain / (r1 * r0)), [&](int64_t from, int64_t to) {
    std::vector<A> partial(static_cast<size_t>(chunks));
    for (int64_t o = from; o < to; ++o)
      one(
          o,
          [&](auto&& f) {
            for (int64_t i = 0; i < chunks; ++i) f(i);
          },
          partial.data());
  });
}

// inner > 1: tiles of neighbouring columns; long columns are cut into segments when there are few
// tiles.
template <class Op, class T>
void reduce_columns(View y, ConstView x, ConstView center, double factor) {
  using A = accumulator_t<T>;
  const int rank = x.rank - 3;
  const int64_t r1 = x.size(-3), r0 = x.size(-2), s1 = x.strides[rank], s0 = x.strides[rank + 1];
  const int64_t inner = x.size(-1), stride = x.strides[rank + 2], y_stride = y.strides[rank + 2];
  const int64_t rows = r1 * r0, outer = y.numel() / inner, tiles = (inner + kTile - 1) / kTile;
  const int64_t segments = outer * tiles >= 64 ? 1 : std::clamp<int64_t>(rows / 256, 1, 32);
  std::vector<A> partial(static_cast<size_t>(segments > 1 ? outer * segments * inner : 0));
  const auto store = [&](int64_t o, int64_t column, const A* values, int64_t n) {
    A* p = y.as<A>() + offset_at(o, y, rank) + column * y_stride;
    for (int64_t j = 0; j < n; ++j) p[j * y_stride] = values[j] * A(factor);
  };
  const int64_t grain = std::max<int64_t>(1, kGrain / (std::min(inner, kTile) * (rows / segments)));
  parallel_for(outer * segments * tiles, grain, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t column = piece % tiles * kTile, segment = piece / tiles % segments,
                    o = piece / tiles / segments;
      const int64_t columns = std::min(kTile, inner - column);
      const T* base = x.as<T>() + offset_at(o, x, rank) + column * stride;
      A c[kTile] = {}, result[kTile];
      if (center.data) {
        const int64_t c_stride = center.strides[rank + 2];
        const A* p = center.as<A>() + offset_at(o, center, rank) + column * c_stride;
        for (int64_t j = 0; j < columns; ++j) c[j] = p[j * c_stride];
      }
      const auto row = [&](int64_t r) {
        return base + (r1 == 1 ? r * s0 : r / r0 * s1 + r % r0 * s0);
      };
      const int64_t from = rows * segment / segments, to = rows * (segment + 1) / segments;
      reduce_tile<Op, T>(result, columns, stride, from, to, row, c);
      if (segments == 1)
        store(o, column, result, columns);
      else
        std::copy_n(result, columns,
                    &partial[static_cast<size_t>((o * segments + segment) * inner + column)]);
    }
  });
  if (segments == 1) return;
  for (int64_t o = 0; o < outer; ++o) {
    A* p = &partial[static_cast<size_t>(o * segments * inner)];
    for (int64_t step = 1; step < segments; step *= 2)
      for (int64_t s = 0; s + step < segments; s += 2 * step)
        for (int64_t j = 0; j < inner; ++j)
          p[s * inner + j] = Op::combine(p[s * inner + j], p[(s + step) * inner + j]);
    store(o, 0, p, inner);
  }
}

template <class Op, class T>
void reduce_as(View y, ConstView x, ConstView center, double factor) {
  if (x.size(-1) == 1)
    reduce_rows<Op, T>(y, x, center, factor);
  else
    reduce_columns<Op, T>(y, x, center, factor);
}

}  // namespace

void reduce(Reducer reducer, View y, ConstView x, ConstView center, double factor) {
  const auto run = [&]<class T>() {
    switch (reducer) {
      case Reducer::sum:
        return reduce_as<Sum, T>(y, x, {}, factor);
      case Reducer::max:
        return reduce_as<Max, T>(y, x, {}, factor);
      case Reducer::min:
        return reduce_as<Min, T>(y, x, {}, factor);
      default:
        break;
    }
    if constexpr (std::is_floating_point_v<compute_t<T>>) {
      if (reducer == Reducer::squared_deviation)
        reduce_as<SquaredDeviation, T>(y, x, center, factor);
      else
        reduce_as<CountEqual, T>(y, x, center, factor);
    }
  };
  if (x.dtype == DType::int64)
    run.template operator()<int64_t>();
  else
    dispatch_floating(x.dtype, run);
}

void max_backward(View dx, ConstView dy, ConstView x, ConstView y, ConstView count) {
  const Rows<5> rows(dx, dy, x, y, count);
  dispatch_floating(dx.dtype, [&]<class T>() {
    using A = accumulator_t<T>;
    parallel_for(rows.numel(), kGrain, [&](int64_t begin, int64_t end) {
      rows.walk(begin, end, [&](const int64_t* at, int64_t n) {
        T* pdx = dx.as<T>() + at[0];
        const T *pdy = dy.as<T>() + at[1], *px = x.as<T>() + at[2], *py = y.as<T>() + at[3];
        const A* pc = count.as<A>() + at[4];
        for (int64_t j = 0; j < n; ++j) {
          const A hit = CountEqual::map(A(px[j * rows.step(2)]), A(py[j * rows.step(3)]));
          const A share = A(pdy[j * rows.step(1)]) / pc[j * rows.step(4)];
          pdx[j * rows.step(0)] = T(hit != A(0) ? share : A(0));
        }
      });
    });
  });
}

void var_backward(View dx, ConstView dy, ConstView x, ConstView mean, double factor) {
  const Rows<4> rows(dx, dy, x, mean);
  dispatch_floating(dx.dtype, [&]<class T>() {
    using A = accumulator_t<T>;
    parallel_for(rows.numel(), kGrain, [&](int64_t begin, int64_t end) {
      rows.walk(begin, end, [&](const int64_t* at, int64_t n) {
        T* pdx = dx.as<T>() + at[0];
        const T *pdy = dy.as<T>() + at[1], *px = x.as<T>() + at[2];
        const A* pm = mean.as<A>() + at[3];
        for (int64_t j = 0; j < n; ++j) {
          const A deviation = A(px[j * rows.step(2)]) - pm[j * rows.step(3)];
          pdx[j * rows.step(0)] = T(A(factor) * A(pdy[j * rows.step(1)]) * deviation);
        }
      });
    });
  });
}

}  // namespace papilio::cpu
