#include "kernels/reduce.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "kernels/cuda/row.h"
#include "kernels/cuda/strided.h"
#include "kernels/detail/reducers.h"

namespace papilio::cuda {
namespace {

// The elements that one output is made of, at x + at(0), x + at(1), ..., x + at(n - 1).
struct Run {
  int64_t n, r0, s1, s0;
  __device__ int64_t at(int64_t i) const { return n == r0 ? i * s0 : i / r0 * s1 + i % r0 * s0; }
};

// Outputs are cut into pieces of `length` elements of their run: piece p is number p % pieces of
// output p / pieces. Few outputs with long runs then still keep the whole GPU busy; what the pieces
// give is reduced once more.
struct Pieces {
  int64_t outputs, pieces, length;
};

// Where an output, its elements and its center lie.
using Places = Strided<3>;

// A block for each piece: for runs whose elements are neighbours.
template <class Op, class T, class A>
__global__ void reduce_by_block(A* y, const T* x, const A* center, Places places, Run run,
                                Pieces cut, A factor) {
  for (int64_t p = blockIdx.x; p < cut.outputs * cut.pieces; p += gridDim.x) {
    const int64_t o = p / cut.pieces, begin = p % cut.pieces * cut.length;
    const int64_t end = begin + cut.length < run.n ? begin + cut.length : run.n;
    int64_t at[3];
    places.locate(o, at);
    const A c = center != nullptr ? center[at[2]] : A(0);
    A result = Op::template identity<A>();
    for (int64_t i = begin + threadIdx.x; i < end; i += blockDim.x)
      result = Op::combine(result, Op::map(A(x[at[1] + run.at(i)]), c));
    result = join_block(result, [](A a, A b) { return Op::combine(a, b); });
    if (threadIdx.x == 0) y[cut.pieces == 1 ? at[0] : p] = result * factor;
  }
}

// A thread for each piece: for runs whose neighbours belong to other outputs, and short ones.
template <class Op, class T, class A>
__global__ void reduce_by_thread(A* y, const T* x, const A* center, Places places, Run run,
                                 Pieces cut, A factor) {
  for (int64_t p = first_element(); p < cut.outputs * cut.pieces; p += grid_stride()) {
    // Neighbouring threads have neighbouring outputs.
    const int64_t o = p % cut.outputs, piece = p / cut.outputs, begin = piece * cut.length;
    const int64_t end = begin + cut.length < run.n ? begin + cut.length : run.n;
    int64_t at[3];
    places.locate(o, at);
    const A c = center != nullptr ? center[at[2]] : A(0);
    A result = Op::template identity<A>();
    for (int64_t i = begin; i < end; ++i)
      result = Op::combine(result, Op::map(A(x[at[1] + run.at(i)]), c));
    y[cut.pieces == 1 ? at[0] : o * cut.pieces + piece] = result * factor;
  }
}

// v without the two dimensions that are reduced.
ConstView outputs_of(const ConstView& v) {
  ConstView result = v;
  result.rank = v.rank - 2;
  result.shape[result.rank - 1] = v.size(-1);
  result.strides[result.rank - 1] = v.strides[v.rank - 1];
  return result;
}

// y = factor * Op over the runs. Partial results: (outputs, pieces), reduced by `Joined`, which
// maps nothing.
template <class Op, class Joined, class T, class A>
void reduce_runs(A* y, const T* x, const A* center, const Places& places, const Run& run,
                 A factor) {
  const int64_t outputs = places.rows.numel();
  const bool by_block = run.n > kWarp && (run.s0 == 1 || outputs == 1);
  const int64_t length = by_block ? 32 * kBlock : 1024;
  const Pieces cut{outputs, (run.n + length - 1) / length, length};
  const Scratch<A> partial(cut.pieces > 1 ? outputs * cut.pieces : 0);
  A* const to = cut.pieces > 1 ? partial.data() : y;
  const A times = cut.pieces > 1 ? A(1) : factor;
  if (by_block)
    launch(reduce_by_block<Op, T, A>, blocks_for(outputs * cut.pieces, 1),
           row_block(std::min(run.n, length)), 0, stream(), to, x, center, places, run, cut, times);
  else
    launch(reduce_by_thread<Op, T, A>, blocks_for(outputs * cut.pieces), kBlock, 0, stream(), to, x,
           center, places, run, cut, times);
  if (cut.pieces == 1) return;
  Places joined = places;  // of the same outputs, their partial results one after another
  int64_t stride = cut.pieces;
  for (int d = joined.rows.rank - 1; d >= 0; --d) {
    joined.rows.strides[d][1] = stride;
    stride *= joined.rows.shape[d];
  }
  reduce_runs<Joined, Joined, A, A>(y, to, nullptr, joined, {cut.pieces, cut.pieces, 0, 1}, factor);
}

template <class Op, class Joined, class T>
void reduce_as(View y, ConstView x, ConstView center, double factor) {
  using A = accumulator_t<T>;
  const int r = x.rank - 3;  // the dimensions r1 and r0
  const Run run{x.shape[r] * x.shape[r + 1], x.shape[r + 1], x.strides[r], x.strides[r + 1]};
  const Places places(outputs_of(y), outputs_of(x), outputs_of(center.data ? center : y));
  reduce_runs<Op, Joined, T, A>(y.as<A>(), x.as<T>(), center.as<A>(), places, run, A(factor));
}

template <class T, class A>
__global__ void max_backward_elements(T* dx, const T* dy, const T* x, const T* y, const A* count,
                                      Strided<5> where, int64_t n) {
  for (int64_t i = first_element(); i < n; i += grid_stride()) {
    int64_t at[5];
    where.locate(i, at);
    const A hit = CountEqual::map(A(x[at[2]]), A(y[at[3]]));
    dx[at[0]] = T(hit != A(0) ? A(dy[at[1]]) / count[at[4]] : A(0));
  }
}

template <class T, class A>
__global__ void var_backward_elements(T* dx, const T* dy, const T* x, const A* mean,
                                      Strided<4> where, int64_t n, A factor) {
  for (int64_t i = first_element(); i < n; i += grid_stride()) {
    int64_t at[4];
    where.locate(i, at);
    dx[at[0]] = T(factor * A(dy[at[1]]) * (A(x[at[2]]) - mean[at[3]]));
  }
}

}  // namespace

void reduce(Reducer reducer, View y, ConstView x, ConstView center, double factor) {
  const auto run = [&]<class T>() {
    switch (reducer) {
      case Reducer::sum:
        return reduce_as<Sum, Sum, T>(y, x, {}, factor);
      case Reducer::max:
        return reduce_as<Max, Max, T>(y, x, {}, factor);
      case Reducer::min:
        return reduce_as<Min, Min, T>(y, x, {}, factor);
      default:
        break;
    }
    if constexpr (std::is_floating_point_v<compute_t<T>>) {
      if (reducer == Reducer::squared_deviation)
        reduce_as<SquaredDeviation, Sum, T>(y, x, center, factor);
      else
        reduce_as<CountEqual, Sum, T>(y, x, center, factor);
    }
  };
  if (x.dtype == DType::int64)
    run.template operator()<int64_t>();
  else
    dispatch_floating(x.dtype, run);
}

void max_backward(View dx, ConstView dy, ConstView x, ConstView y, ConstView count) {
  const Strided<5> where(dx, dy, x, y, count);
  const int64_t n = where.rows.numel();
  dispatch_floating(dx.dtype, [&]<class T>() {
    using A = accumulator_t<T>;
    launch(max_backward_elements<T, A>, blocks_for(n), kBlock, 0, stream(), dx.as<T>(), dy.as<T>(),
           x.as<T>(), y.as<T>(), count.as<A>(), where, n);
  });
}

void var_backward(View dx, ConstView dy, ConstView x, ConstView mean, double factor) {
  const Strided<4> where(dx, dy, x, mean);
  const int64_t n = where.rows.numel();
  dispatch_floating(dx.dtype, [&]<class T>() {
    using A = accumulator_t<T>;
    launch(var_backward_elements<T, A>, blocks_for(n), kBlock, 0, stream(), dx.as<T>(), dy.as<T>(),
           x.as<T>(), mean.as<A>(), where, n, A(factor));
  });
}

}  // namespace papilio::cuda
