#include "kernels/softmax.h"

#include "kernels/cuda/softmax_row.h"

namespace papilio::cuda {
namespace {

// Each block takes rows blockIdx.x, blockIdx.x + gridDim.x, ...; thread t its elements t, t +
// blockDim.x, ... A row is read three times; but for the first, from the cache.
template <class T>
__global__ void softmax_rows(T* y, const T* x, int64_t rows, int64_t n) {
  using C = compute_t<T>;
  for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    const T* xr = x + r * n;
    const C max = row_max(xr, n), scale = 1 / row_sum_exp(xr, max, n);
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
      y[r * n + i] = T(math::exp(C(xr[i]) - max) * scale);
  }
}

template <class T>
__global__ void softmax_backward_rows(T* dx, const T* y, const T* dy, int64_t rows, int64_t n) {
  using C = compute_t<T>;
  for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    const T *yr = y + r * n, *dyr = dy + r * n;
    C dot = 0;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) dot += C(yr[i]) * C(dyr[i]);
    dot = join_block(dot, Plus());
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
      dx[r * n + i] = T(C(yr[i]) * (C(dyr[i]) - dot));
  }
}

template <class T>
__global__ void log_softmax_rows(T* y, const T* x, int64_t rows, int64_t n) {
  using C = compute_t<T>;
  for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    const T* xr = x + r * n;
    const C max = row_max(xr, n), log_sum = math::log(row_sum_exp(xr, max, n));
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
      y[r * n + i] = T(C(xr[i]) - max - log_sum);
  }
}

template <class T>
__global__ void log_softmax_backward_rows(T* dx, const T* y, const T* dy, int64_t rows, int64_t n) {
  using C = compute_t<T>;
  for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    const T *yr = y + r * n, *dyr = dy + r * n;
    C sum = 0;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) sum += C(dyr[i]);
    sum = join_block(sum, Plus());
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
      dx[r * n + i] = T(C(dyr[i]) - math::exp(C(yr[i])) * sum);
  }
}

}  // namespace

void softmax(View y, ConstView x) {
  const int64_t rows = row_count(x), n = row_length(x);
  dispatch_floating(x.dtype, [&]<class T>() {
    launch(softmax_rows<T>, blocks_for(rows, 1), row_block(n), 0, stream(), y.as<T>(), x.as<T>(),
           rows, n);
  });
}

void softmax_backward(View dx, ConstView y, ConstView dy) {
  const int64_t rows = row_count(y), n = row_length(y);
  dispatch_floating(y.dtype, [&]<class T>() {
    launch(softmax_backward_rows<T>, blocks_for(rows, 1), row_block(n), 0, stream(), dx.as<T>(),
           y.as<T>(), dy.as<T>(), rows, n);
  });
}

void log_softmax(View y, ConstView x) {
  const int64_t rows = row_count(x), n = row_length(x);
  dispatch_floating(x.dtype, [&]<class T>() {
    launch(log_softmax_rows<T>, blocks_for(rows, 1), row_block(n), 0, stream(), y.as<T>(),
           x.as<T>(), rows, n);
  });
}

void log_softmax_backward(View dx, ConstView y, ConstView dy) {
  const int64_t rows = row_count(y), n = row_length(y);
  dispatch_floating(y.dtype, [&]<class T>() {
    launch(log_softmax_backward_rows<T>, blocks_for(rows, 1), row_block(n), 0, stream(), dx.as<T>(),
           y.as<T>(), dy.as<T>(), rows, n);
  });
}

}  // namespace papilio::cuda
