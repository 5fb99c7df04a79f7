#include "kernels/boft_linear.h"

#include "kernels/cuda/parts.h"
#include "kernels/cuda/row.h"

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

// A block for each column.
template <class T, class S>
__global__ void scale_gradient_kernel(S* ds, const compute_t<T>* sums, const S* s, const T* bias,
                                      const T* g, const T* x, const S* w, int64_t rows, int64_t n,
                                      int64_t d) {
  using C = compute_t<T>;
  for (int64_t j = blockIdx.x; j < n; j += gridDim.x) {
    const double mean = double(sums[n + j]) / double(rows);
    if (keeps_digits(mean, bias != nullptr ? double(C(bias[j])) : 0, dtype_of<T>())) {
      if (threadIdx.x == 0) ds[j] = S(sums[j] / C(s[j]));
      continue;
    }
    C sum = 0;
    for (int64_t e = threadIdx.x; e < rows * d; e += blockDim.x)
      sum += C(g[e / d * n + j]) * C(x[e]) * C(w[j * d + e % d]);
    sum = join_block(sum, Plus());
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

void scale_gradient(View ds, ConstView sums, ConstView s, ConstView bias, ConstView g, ConstView x,
                    ConstView w) {
  const int64_t rows = x.size(0), n = w.size(0), d = w.size(1);
  const auto run = [&]<class T, class S>(T, S) {
    launch(scale_gradient_kernel<T, S>, blocks_for(n, 1), kBlock, 0, stream(), ds.as<S>(),
           sums.as<compute_t<T>>(), s.as<S>(), bias.as<T>(), g.as<T>(), x.as<T>(), w.as<S>(), rows,
           n, d);
  };
  dispatch_floating(x.dtype, [&]<class T>() {
    if (w.dtype == x.dtype)
      run(T(), T());
    else
      run(T(), compute_t<T>());
  });
}

}  // namespace papilio::cuda
