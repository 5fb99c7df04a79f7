#include "kernels/boft_linear.h"

#include <algorithm>
#include <cstdint>

#include "kernels/cuda/butterfly.h"
#include "kernels/cuda/parts.h"
#include "kernels/cuda/row.h"
#include "kernels/detail/butterfly_blocks.h"

namespace papilio::cuda {
namespace {

template <class T>
__global__ void scale_rows_kernel(T* w, const T* s, int64_t rows, int64_t d) {
  using C = compute_t<T>;
  for (int64_t e = first_element(); e < rows * d; e += grid_stride())
    w[e] = T(C(w[e]) * C(s[e / d]));
}

template <class T>
__global__ void scale_columns_kernel(T* y, const T* s, const T* bias, int64_t rows, int64_t n) {
  using C = compute_t<T>;
  for (int64_t e = first_element(); e < rows * n; e += grid_stride()) {
    const int64_t j = e % n;
    // -0 changes no sum, not even a negative zero.
    y[e] = T(C(y[e]) * C(s[j]) + (bias != nullptr ? C(bias[j]) : C(-0.0)));
  }
}

// A thread sums one column over one part of the rows. partial: (parts, 3, n).
template <class T>
__global__ void sum_parts(compute_t<T>* partial, const T* g, const T* y, const T* bias,
                          int64_t rows, int64_t n, int64_t parts) {
  using C = compute_t<T>;
  for (int64_t t = first_element(); t < parts * n; t += grid_stride()) {
    const int64_t part = t / n, j = t % n, end = rows * (part + 1) / parts;
    const C b = bias != nullptr ? C(bias[j]) : C(0);
    C gz = 0, z = 0, gs = 0;
    for (int64_t r = rows * part / parts; r < end; ++r) {
      const C value = C(y[r * n + j]) - b, gradient = C(g[r * n + j]);
      gz += gradient * value;
      z += value < 0 ? -value : value;
      gs += gradient;
    }
    C* to = partial + part * 3 * n + j;
    to[0] = gz;
    to[n] = z;
    to[2 * n] = gs;
  }
}

// A block's product of a row with R^T, factor by factor. `from` and `to`: memory for a row each.
template <class C, class S>
__device__ const C* rotate_row(C* from, C* to, const S* row, const S* q, ButterflySizes shape) {
  for (int64_t c = threadIdx.x; c < shape.d; c += blockDim.x) from[c] = C(row[c]);
  __syncthreads();
  for (int64_t i = 0; i < shape.m; ++i) {
    for (int64_t c = threadIdx.x; c < shape.d; c += blockDim.x) {
      const Place<int64_t> at(c, i, shape.b);
      to[c] = rotated<C>(from, q + i * shape.factor_size() + at.n * shape.b * shape.b,
                         Halves<int64_t>(at.n, i, shape.b), at.j, shape.b, true);
    }
    __syncthreads();
    C* const next = from;
    from = to;
    to = next;
  }
  return from;
}

// A block for each column. memory: two rows a block.
template <class T, class S>
__global__ void scale_gradient_kernel(S* ds, const compute_t<T>* sums, const S* s, const T* bias,
                                      const T* g, const T* x, const S* w, const S* q,
                                      compute_t<T>* memory, ButterflySizes shape, int64_t n) {
  using C = compute_t<T>;
  const int64_t rows = shape.rows, d = shape.d;
  C* const own = memory + blockIdx.x * 2 * d;
  for (int64_t j = blockIdx.x; j < n; j += gridDim.x) {
    const double mean = double(sums[n + j]) / double(rows);
    if (keeps_digits(mean, bias != nullptr ? double(C(bias[j])) : 0, dtype_of<T>())) {
      if (threadIdx.x == 0) ds[j] = S(sums[j] / C(s[j]));
      continue;
    }
    const C* row = rotate_row(own, own + d, w + j * d, q, shape);
    C sum = 0;
    for (int64_t e = threadIdx.x; e < rows * d; e += blockDim.x)
      sum += C(g[e / d * n + j]) * C(x[e]) * row[e % d];
    sum = join_block(sum, Plus());  // all have read the row
    if (threadIdx.x == 0) ds[j] = S(sum);
  }
}

}  // namespace

void scale_rows(View w, ConstView s) {
  const int64_t rows = w.size(0), d = w.size(1);
  dispatch_floating(w.dtype, [&]<class T>() {
    launch(scale_rows_kernel<T>, blocks_for(rows * d), kBlock, 0, stream(), w.as<T>(), s.as<T>(),
           rows, d);
  });
}

void scale_columns(View y, ConstView s, ConstView bias) {
  const int64_t rows = y.size(0), n = y.size(1);
  dispatch_floating(y.dtype, [&]<class T>() {
    launch(scale_columns_kernel<T>, blocks_for(rows * n), kBlock, 0, stream(), y.as<T>(), s.as<T>(),
           bias.as<T>(), rows, n);
  });
}

void scale_gradient_sums(View sums, ConstView g, ConstView y, ConstView bias) {
  const int64_t rows = g.size(0), n = g.size(1);
  const int64_t parts = part_count(rows, 256);
  dispatch_floating(g.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const Scratch<C> partial(parts * 3 * n);
    launch(sum_parts<T>, blocks_for(parts * n), kBlock, 0, stream(), partial.data(), g.as<T>(),
           y.as<T>(), bias.as<T>(), rows, n, parts);
    add_parts(sums.as<C>(), partial.data(), 3 * n, parts);
  });
}

void scale_gradient(const ScaleGradient& args) {
  const int64_t n = args.w.size(0);
  const ButterflySizes shape(args.x.size(0), args.q);
  // Few columns come to need a row of memory, but each block might.
  const unsigned blocks = std::min(blocks_for(n, 1), 4 * unsigned(multiprocessors()));
  const auto run = [&]<class T, class S>(T, S) {
    const Scratch<compute_t<T>> memory(blocks * 2 * shape.d);
    launch(scale_gradient_kernel<T, S>, blocks, kBlock, 0, stream(), args.ds.as<S>(),
           args.sums.as<compute_t<T>>(), args.s.as<S>(), args.bias.as<T>(), args.g.as<T>(),
           args.x.as<T>(), args.w.as<S>(), args.q.as<S>(), memory.data(), shape, n);
  };
  dispatch_floating(args.x.dtype, [&]<class T>() {
    if (args.w.dtype == args.x.dtype)
      run(T(), T());
    else
      run(T(), compute_t<T>());
  });
}

}  // namespace papilio::cuda
