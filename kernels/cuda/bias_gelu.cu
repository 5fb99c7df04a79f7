#include "kernels/bias_gelu.h"

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/cuda/pack.h"
#include "kernels/cuda/parts.h"
#include "kernels/cuda/row.h"
#include "kernels/functors.h"

namespace papilio::cuda {
namespace {

// A thread keeps P neighbouring columns, and with them their biases. A block is blockDim.x such
// threads side by side, blockDim.y rows at a time; it takes every gridDim.y-th of such rows.
struct Tiles {
  dim3 block;
  unsigned across;  // blocks side by side
  Tiles(int64_t n, int pack) {
    const int64_t threads = std::max<int64_t>(1, (n + pack - 1) / pack);
    while (block.x < unsigned(kWarp) && block.x < threads) block.x *= 2;
    block.y = unsigned(kBlock) / block.x;
    across = unsigned((threads + block.x - 1) / block.x);
  }
  // How often they lie below each other: about `most` blocks in all, `least` rows a thread.
  int64_t down(int64_t rows, int64_t least, int64_t most) const {
    return std::clamp<int64_t>(rows / (block.y * least), 1, std::max<int64_t>(1, most / across));
  }
};

template <int P>
__device__ int64_t first_column() {
  return (int64_t(blockIdx.x) * blockDim.x + threadIdx.x) * P;
}
__device__ inline int64_t first_row() {
  return int64_t(blockIdx.y) * blockDim.y + threadIdx.y;
}
__device__ inline int64_t row_stride() {
  return int64_t(gridDim.y) * blockDim.y;
}

template <int P, class T>
__device__ void load_bias(compute_t<T> (&to)[P], const T* bias, int64_t column, int64_t n) {
#pragma unroll
  for (int e = 0; e < P; ++e)
    to[e] = bias != nullptr && column < n ? compute_t<T>(bias[column + e]) : compute_t<T>(0);
}

template <class F, int P, class T>
__global__ void bias_gelu_kernel(T* y, const T* x, const T* bias, int64_t rows, int64_t n, F f) {
  using C = compute_t<T>;
  const int64_t column = first_column<P>();
  C b[P];
  load_bias<P>(b, bias, column, n);
  for (int64_t r = first_row(); r < rows && column < n; r += row_stride()) {
    const Pack<T, P> in = load_pack<P>(x + r * n + column);
    Pack<T, P> out;
#pragma unroll
    for (int e = 0; e < P; ++e) out.at[e] = T(f.forward(C(in.at[e]) + b[e]));
    store_pack(y + r * n + column, out);
  }
}

// partial[blockIdx.y, i]: the sum of dx over the block's rows. dx, partial: null if not wanted.
template <class F, int P, class T>
__global__ void bias_gelu_backward_kernel(T* dx, compute_t<T>* partial, const T* dy, const T* x,
                                          const T* bias, int64_t rows, int64_t n, F f) {
  using C = compute_t<T>;
  SHARED(C, sums, kBlock * P);  // (blockDim.y, blockDim.x P)
  const int64_t column = first_column<P>();
  C b[P], sum[P] = {};
  load_bias<P>(b, bias, column, n);
  for (int64_t r = first_row(); r < rows && column < n; r += row_stride()) {
    const Pack<T, P> in = load_pack<P>(x + r * n + column),
                     gradient = load_pack<P>(dy + r * n + column);
    Pack<T, P> out;
#pragma unroll
    for (int e = 0; e < P; ++e) {
      const C d = C(gradient.at[e]) * f.derivative(C(in.at[e]) + b[e]);
      out.at[e] = T(d);
      sum[e] += d;
    }
    if (dx != nullptr) store_pack(dx + r * n + column, out);
  }
  if (partial == nullptr) return;
  const int thread = int(threadIdx.y * blockDim.x + threadIdx.x), width = int(blockDim.x) * P;
#pragma unroll
  for (int e = 0; e < P; ++e) sums[thread * P + e] = sum[e];
  __syncthreads();
  const int64_t own = int64_t(blockIdx.x) * width + thread;
  if (thread >= width || own >= n) return;
  C total = 0;
  for (int row = 0; row < int(blockDim.y); ++row) total += sums[row * width + thread];
  partial[blockIdx.y * n + own] = total;
}

// Calls body(f, T(), P) with GELU's functor and the elements a thread moves at once, as an
// integral_constant.
template <class Body>
void dispatch(bool tanh, const ConstView& x, Body&& body, const void* a, const void* b) {
  const int64_t n = row_length(x);
  dispatch_floating(x.dtype, [&]<class T>() {
    const auto with = [&](auto pack) {
      if (tanh)
        body(functor::GeluTanh(), T(), pack);
      else
        body(functor::Gelu(), T(), pack);
    };
    if (n % kPack<T> == 0 && on_16_bytes(x.data, a, b))
      with(std::integral_constant<int, kPack<T>>());
    else
      with(std::integral_constant<int, 1>());
  });
}

}  // namespace

void bias_gelu(View y, ConstView x, ConstView bias, bool tanh) {
  const int64_t rows = row_count(x), n = row_length(x);
  if (rows * n == 0) return;
  const auto run = [&]<class F, class T, int P>(F f, T, std::integral_constant<int, P>) {
    const Tiles tiles(n, P);
    const dim3 grid(tiles.across, unsigned(tiles.down(rows, 1, int64_t(multiprocessors()) * 32)));
    launch(bias_gelu_kernel<F, P, T>, grid, tiles.block, 0, stream(), y.as<T>(), x.as<T>(),
           bias.as<T>(), rows, n, f);
  };
  dispatch(tanh, x, run, y.data, nullptr);
}

void bias_gelu_backward(View dx, View dbias, ConstView dy, ConstView x, ConstView bias, bool tanh) {
  const int64_t rows = row_count(x), n = row_length(x);
  if (n == 0) return;
  const auto run = [&]<class F, class T, int P>(F f, T, std::integral_constant<int, P>) {
    const Tiles tiles(n, P);
    // Their number follows from the sizes only, so that results repeat on every GPU; add_parts
    // wants few.
    const int64_t parts = std::min<int64_t>(tiles.down(rows, 8, 1024), 256);
    const Scratch<compute_t<T>> partial(dbias.data ? parts * n : 0);
    launch(bias_gelu_backward_kernel<F, P, T>, dim3(tiles.across, unsigned(parts)), tiles.block, 0,
           stream(), dx.as<T>(), partial.data(), dy.as<T>(), x.as<T>(), bias.as<T>(), rows, n, f);
    if (dbias.data) add_parts(dbias.as<T>(), partial.data(), n, parts);
  };
  dispatch(tanh, x, run, dx.data, dy.data);
}

}  // namespace papilio::cuda
